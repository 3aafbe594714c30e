// The main job from nothing: two clusters, a redis with a client that writes to it, and a move while it goes on.
import process from 'node:process';
import { buildProgram } from '../../krew/build.ts';
import { renewImages, up } from '../lab/index.ts';
import { Kubectl, runProcess } from '../support/kubectl.ts';
import { redisLoad } from '../support/load-client.ts';
import { imageOf, pod, service } from '../support/manifests.ts';
import { accountForWrites } from '../support/redis-writes.ts';
import { demoLine } from './line.ts';

const NAMESPACE = 'demo';
const FROM = { context: 'east', node: 'east-2' } as const;
const TO = { context: 'west', node: 'west-1' } as const;

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function demo(): Promise<number> {
  say('two clusters on this machine (half a minute; the first time about 12 minutes, most of it compiling Kubernetes)');
  await up();
  const lab = await renewImages();
  const kubectl = new Kubectl(lab);
  const program = await buildProgram();
  say(`a redis in ${FROM.context}, and a client that writes to it through its service`);
  for (const { context } of [FROM, TO]) {
    await kubectl.run(context, ['delete', 'namespace', NAMESPACE, '--ignore-not-found']);
    await kubectl.run(context, ['create', 'namespace', NAMESPACE]);
  }
  await kubectl.apply(FROM.context, [
    pod({ namespace: NAMESPACE, name: 'redis', image: imageOf(lab, 'redis'), node: FROM.node, port: 6379 }),
    service(NAMESPACE, 'redis', 6379),
  ]);
  await kubectl.ready(FROM.context, NAMESPACE, 'redis');
  const options = { lab, kubectl, context: FROM.context, namespace: NAMESPACE, name: 'client' };
  const client = await redisLoad(options, 'redis:6379');
  await client.going;

  const words = ['pod', 'redis', '-n', NAMESPACE, '--context', FROM.context, '--to-context', TO.context];
  const all = [...words, '--to-node', TO.node, '--yes'];
  say(`\n$ kubectl migrate ${all.join(' ')}`);
  const env = { KUBECONFIG: lab.kubeconfig, KUBECTL_MIGRATE_HELPER_IMAGE: lab.helperImage ?? '' };
  const ended = await runProcess(program, all, { env, onStderr: (text) => process.stderr.write(text) });
  process.stderr.write(ended.stdout);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const summary = await client.stop();
  if (ended.code !== 0) return ended.code;
  const account = await accountForWrites(kubectl, { context: TO.context, namespace: NAMESPACE, pod: 'redis' }, summary);

  say('\nthe lab is still running; three things to try:');
  say(`  export KUBECONFIG=${lab.kubeconfig} KUBECTL_MIGRATE_HELPER_IMAGE=${env.KUBECTL_MIGRATE_HELPER_IMAGE}`);
  say(`  export PATH=${program.replace(/\/[^/]*$/, '')}:${lab.kubectl.replace(/\/[^/]*$/, '')}:$PATH`);
  say(`  1. move it back:       kubectl migrate pod redis -n ${NAMESPACE} --context west --to-context east`);
  say(`  2. only look:          kubectl migrate pod redis -n ${NAMESPACE} --context west --to-context east --dry-run`);
  say('  3. end the lab:        npm run lab -- down\n');
  const { lost, twice } = account;
  const { longestGapMs } = summary;
  process.stdout.write(
    demoLine({ from: FROM, to: TO, longestGapMs, acknowledged: account.acknowledged, lost: lost.length }),
  );
  if (twice.length > 0) say(`${twice.length} writes applied twice`);
  return lost.length + twice.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await demo();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

// The helper engine against the kubelet engine (stop, checkpoint, image, push, pull, restore) on the same pod in the same
// run, with next to nothing in memory and with 200 MB.
// Usage: npm run bench:engines [-- --rounds N] [-- -o json]
import process from 'node:process';
import { parseArgs } from 'node:util';
import { buildProgram } from '../../krew/build.ts';
import { ENGINES, type EngineName } from '../../src/domain/plan.ts';
import { columns } from '../../src/ui/table.ts';
import { type Lab, renewImages, up } from '../lab/index.ts';
import { registryAuthority } from '../lab/registry.ts';
import { Kubectl, runProcess } from '../support/kubectl.ts';
import { redisLoad } from '../support/load-client.ts';
import { imageOf, pod, service } from '../support/manifests.ts';

const NAMESPACE = 'bench-engines';
/** Megabytes of values in redis beyond the 3 MB that it takes by itself. */
const SIZES = [0, 200];
/** The bar: the helper engine is down at least so many times less. */
const BAR = 3;

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, output: { type: 'string', short: 'o' } },
});
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1 || (values.output !== undefined && values.output !== 'json')) {
  process.stderr.write('usage: npm run bench:engines [-- --rounds N] [-- -o json]\n');
  process.exit(2);
}

/** A redis of its own for every move, because a pod that one engine has moved is not the same for the other. */
async function prepare(lab: Lab, kubectl: Kubectl, megabytes: number): Promise<void> {
  for (const context of ['east', 'west'] as const) {
    await kubectl.run(context, ['delete', 'namespace', NAMESPACE, '--ignore-not-found']);
    await kubectl.run(context, ['create', 'namespace', NAMESPACE]);
  }
  await kubectl.apply('east', [
    pod({ namespace: NAMESPACE, name: 'redis', image: imageOf(lab, 'redis'), node: 'east-2', port: 6379 }),
    service(NAMESPACE, 'redis', 6379),
  ]);
  await kubectl.ready('east', NAMESPACE, 'redis');
  if (megabytes === 0) return;
  const fill = `for i=1,${megabytes * 1000} do redis.call('set','k'..i,string.rep('x',1000)) end`;
  const redis = ['-n', NAMESPACE, 'exec', 'redis', '--', 'redis-cli'];
  await kubectl.run('east', [...redis, 'config', 'set', 'save', '']);
  await kubectl.run('east', [...redis, 'eval', fill, '0']);
}

/** One move; yields the longest gap that a client of the Service saw, in ms. */
async function downtime(lab: Lab, kubectl: Kubectl, program: string, engine: EngineName): Promise<number> {
  const client = { lab, kubectl, context: 'east', namespace: NAMESPACE, name: 'client', node: 'east-1' } as const;
  const load = await redisLoad(client, 'redis:6379', '10s');
  await load.going;
  const registry = ['--registry', `${lab.registry}/${NAMESPACE}`, '--registry-ca', registryAuthority];
  const words = ['pod', 'redis', '-n', NAMESPACE, '--context', 'east', '--to-context', 'west', '--engine', engine];
  const env = { KUBECONFIG: lab.kubeconfig, KUBECTL_MIGRATE_HELPER_IMAGE: lab.helperImage ?? '' };
  const ended = await runProcess(program, [...words, ...registry, '--max-freeze', '2m', '--yes'], { env });
  if (ended.code !== 0) throw new Error(`${engine} failed: ${ended.stdout}${ended.stderr}`);
  return (await load.stop()).longestGapMs;
}

function median(samples: readonly number[]): number {
  return samples.toSorted((a, b) => a - b)[Math.floor((samples.length - 1) / 2)] ?? Number.NaN;
}

await up();
const lab = await renewImages();
const kubectl = new Kubectl(lab);
const program = await buildProgram();
const results = [];
for (const megabytes of SIZES) {
  const downMs: Record<EngineName, number[]> = { helper: [], kubelet: [] };
  for (let round = 0; round < rounds; round++) {
    for (const engine of ENGINES) {
      await prepare(lab, kubectl, megabytes);
      const ms = await downtime(lab, kubectl, program, engine);
      downMs[engine].push(Math.round(ms));
      process.stderr.write(`${megabytes} MB more, ${engine}, round ${round + 1}: down ${Math.round(ms)} ms\n`);
    }
  }
  const [helper, kubelet] = [median(downMs.helper), median(downMs.kubelet)];
  results.push({ megabytes: megabytes + 3, downMs, median: { helper, kubelet }, times: kubelet / helper });
}
for (const context of ['east', 'west'] as const) {
  await kubectl.run(context, ['delete', 'namespace', NAMESPACE, '--wait=false']);
}

if (values.output === 'json') process.stdout.write(`${JSON.stringify({ schema: 1, results }, null, 2)}\n`);
else {
  const rows = results.map(({ megabytes, median: { helper, kubelet }, times }) => [
    `redis, ${megabytes} MB`,
    ...[helper, kubelet].map((ms) => `${ms} ms`),
    times.toFixed(1),
  ]);
  process.stdout.write(columns(rows, [`MEDIAN DOWN OF ${rounds}`, 'HELPER', 'KUBELET', 'TIMES']));
}
process.exitCode = results.every(({ times }) => times >= BAR) ? 0 : 1;

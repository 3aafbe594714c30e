import { z } from 'zod';
import type { Lab } from '../lab/index.ts';
import { type Kubectl, runProcess } from '../support/kubectl.ts';
import { redisLoad } from '../support/load-client.ts';
import { imageOf, service } from '../support/manifests.ts';
import { headless, statefulSet } from '../support/owned.ts';

const NAMESPACE = 'bench-ordinal';
const SET = 'db';
const POD = `${SET}-0`;
const PORT = 6379;
/** What a StatefulSet's pod may be down for at most on its way to another node, in ms. */
export const ORDINAL_BAR_MS = 2500;

const resultSchema = z.looseObject({
  results: z.looseObject({ switch: z.looseObject({ downMs: z.number() }) }),
});

/** One move, in ms. `downMs`: the longest gap between two answers to a client. `routedMs`: from the freeze to the switch. */
export interface OrdinalMove {
  readonly downMs: number;
  readonly routedMs: number;
}

/** A redis that is the one ordinal of a StatefulSet goes from node to node of cluster east, to and fro. */
export async function moveOrdinal(
  { lab, kubectl, program }: { readonly lab: Lab; readonly kubectl: Kubectl; readonly program: string },
  moves: number,
  report: (line: string) => void,
): Promise<OrdinalMove[]> {
  await kubectl.run('east', ['delete', 'namespace', NAMESPACE, '--ignore-not-found']);
  await kubectl.run('east', ['create', 'namespace', NAMESPACE]);
  const container = { namespace: NAMESPACE, name: SET, image: imageOf(lab, 'redis'), port: PORT, replicas: 1 };
  await kubectl.apply('east', [
    statefulSet(container),
    headless(NAMESPACE, SET, PORT),
    service(NAMESPACE, 'redis', PORT, SET),
  ]);
  await kubectl.run('east', ['-n', NAMESPACE, 'rollout', 'status', `statefulset/${SET}`, '--timeout=120s']);
  const env = { KUBECONFIG: lab.kubeconfig, KUBECTL_MIGRATE_HELPER_IMAGE: lab.helperImage ?? '' };
  const done: OrdinalMove[] = [];
  for (let n = 0; n < moves; n++) {
    const { spec } = await kubectl.json<{ spec: { nodeName: string } }>('east', ['-n', NAMESPACE, 'pod', POD]);
    const to = spec.nodeName === 'east-1' ? 'east-2' : 'east-1';
    const place = { lab, kubectl, context: 'east', namespace: NAMESPACE, node: 'east-1' } as const;
    const load = await redisLoad({ ...place, name: `client-${n}` }, `redis:${PORT}`);
    await load.going;
    const words = ['pod', POD, '-n', NAMESPACE, '--context', 'east', '--to-node', to, '--yes', '-o', 'json'];
    const ended = await runProcess(program, words, { env });
    if (ended.code !== 0) throw new Error(`move ${n} failed: ${ended.stdout}${ended.stderr}`);
    const { longestGapMs } = await load.stop();
    const { results } = resultSchema.parse(JSON.parse(ended.stdout));
    done.push({ downMs: longestGapMs, routedMs: results.switch.downMs });
    report(`StatefulSet pod: move ${n + 1} of ${moves}, down ${Math.round(longestGapMs)} ms\n`);
  }
  await kubectl.run('east', ['delete', 'namespace', NAMESPACE, '--wait=false']);
  return done;
}

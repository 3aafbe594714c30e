import type { Pod } from '../../src/kube/objects.ts';
import type { Context } from './kubectl.ts';
import type { Scenario } from './scenario.ts';

/** What would pile up from move to move if a move left some of it behind. */
export interface Measured {
  /** PID namespaces that the program is in, counted from the one that `kubectl exec` gets into. */
  readonly depth: number;
  /** Mounts that the program sees. */
  readonly mounts: number;
  /** Objects of the scenario's namespace, in both clusters. */
  readonly objects: number;
  /** Length of what the pod's object says about it: labels, annotations, spec. */
  readonly manifest: number;
}

/** In the words of a shell that has no tools: how many mounts a program sees, and its pids from the outside in. */
const LOOK = `
for process in /proc/[0-9]*; do
  read name < $process/comm && [ "$name" = "$0" ] || continue
  mounts=0
  while read line; do mounts=$((mounts+1)); done < $process/mountinfo
  while read key pids; do [ "$key" = NSpid: ] && echo $mounts $pids; done < $process/status
done
true`;

/** Measures a pod whose program has that name; of several processes of that name, one. */
export async function measure(
  { kubectl, namespace, objects }: Scenario,
  { context, pod, program }: { readonly context: Context; readonly pod: string; readonly program: string },
): Promise<Measured> {
  const [seen, object, names] = await Promise.all([
    kubectl.run(context, ['-n', namespace, 'exec', pod, '-c', 'main', '--', 'sh', '-c', LOOK, program]),
    kubectl.json<Pod>(context, ['-n', namespace, 'pod', pod]),
    objects(),
  ]);
  const [first = ''] = seen.split('\n');
  const [mounts = '', ...pids] = first.split(' ');
  const { labels, annotations } = object.metadata;
  const manifest = JSON.stringify({ labels, annotations, spec: object.spec }).length;
  return { depth: pids.length, mounts: Number(mounts), objects: names.length, manifest };
}

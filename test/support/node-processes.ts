import { expect } from 'vitest';
import type { Lab } from '../lab/index.ts';
import type { NodeName } from '../lab/topology.ts';
import type { Context, Kubectl } from './kubectl.ts';
import type { Scenario } from './scenario.ts';

/** A process of a node as /proc shows it there; `state` is a letter of proc_pid_stat(5), `T` is stopped. */
export interface NodeProcess {
  readonly pid: number;
  readonly state: string;
  readonly name: string;
}

/** The processes of a pod on its node, its sandbox included, whatever the cgroup driver makes of its uid. */
export async function processesOf(lab: Lab, node: NodeName, uid: string): Promise<NodeProcess[]> {
  const pattern = `${uid}\\|${uid.replaceAll('-', '_')}`;
  const script = `for d in /proc/[0-9]*; do grep -qs '${pattern}' $d/cgroup && sed -n 's/^\\(State\\|Name\\):[[:space:]]*\\([^ ]*\\).*/\\2/p' $d/status | paste -sd ' ' | sed "s|^|\${d#/proc/} |"; done; true`;
  const { stdout } = await lab.exec(node, ['sh', '-c', script]);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [pid = '', name = '', state = ''] = line.split(' ');
      return { pid: Number(pid), name, state };
    })
    .filter(({ name }) => name !== ''); // One that ended in the middle of the look has none.
}

/** Ends processes of a node as the kernel does when it is out of memory, or as a power cut does. */
export async function killOn(lab: Lab, node: NodeName, processes: readonly NodeProcess[]): Promise<void> {
  await lab.exec(node, ['kill', '-9', ...processes.map(({ pid }) => String(pid))]);
}

interface PodObject {
  readonly metadata: { readonly uid: string };
  readonly spec: { readonly nodeName: NodeName };
}

/** Deletes a pod, if it is there, as somebody does who wants it to be gone at once: kubelet ends what is in it later. */
export async function removeByForce(
  kubectl: Kubectl,
  context: Context,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Promise<void> {
  const now = ['--grace-period=0', '--force', '--wait=false', '--ignore-not-found'];
  await kubectl.run(context, ['-n', namespace, 'delete', 'pod', name, ...now]);
}

/** Deletes a helper pod in that way, and waits until none of its processes is left. */
export async function endHelper({ lab, kubectl }: Scenario, context: Context, name: string): Promise<void> {
  const namespace = 'kubectl-migrate';
  const { metadata, spec } = await kubectl.json<PodObject>(context, ['-n', namespace, 'pod', name]);
  await removeByForce(kubectl, context, { namespace, name });
  const left = () => processesOf(lab, spec.nodeName, metadata.uid);
  await expect.poll(left, { timeout: 60_000, interval: 200 }).toEqual([]);
}

import type { Pod } from '../kube/objects.ts';
import type { Verdict } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { pinnedNode } from './placeholder-pod.ts';
import { sourcePod, targetPod } from './source-pod.ts';
import type { WorkloadContext } from './workload.ts';

/** Whether a pod is one that was made in the source pod's place for that node. Pure. */
export function isRenewed({ plan }: Pick<WorkloadContext, 'plan'>, pod: Pod | undefined, node: string): boolean {
  return pod !== undefined && pod.metadata.uid !== plan.source.uid && pinnedNode(pod.spec) === node;
}

/**
 * Deletes the pod that has the source pod's name, unless it was made for that node already, and waits until the name is
 * free or taken anew. Without grace: the processes of the source are stopped and cannot end by themselves, and those of
 * a target have never run. With persistent volumes the pod is never deleted by force: its name is free when its node has
 * ended it and unmounted them (kubelet reports a pod as gone only then). Yields whether the pod is there. Idempotent.
 */
export async function freeName(context: WorkloadContext, node: string): Promise<boolean> {
  const { plan, gateway, target, signal, waiting } = context;
  const { namespace, pod: name } = plan.target;
  const found = await target.get<Pod>(RESOURCES.pod, name, { namespace, signal });
  if (!found || isRenewed(context, found, node)) return found !== undefined;
  const { uid = '' } = found.metadata;
  const ref = uid === plan.source.uid ? sourcePod(plan) : targetPod(plan);
  await gateway.delete(ref, { signal, uid, gracePeriodSeconds: plan.volumes.length > 0 ? 1 : 0 });
  const free = (seen: Pod | undefined): Verdict =>
    seen?.metadata.uid === uid ? { done: false, why: 'its node has not ended it yet' } : { done: true };
  const now = await target.waitFor<Pod>(RESOURCES.pod, { namespace, name }, free, {
    name: `name ${namespace}/${name} in ${plan.target.context} to be free`,
    deadlineMs: plan.deadlines.removeTimeout,
    flag: '--remove-timeout',
    signal,
    onProgress: waiting,
  });
  return isRenewed(context, now, node);
}

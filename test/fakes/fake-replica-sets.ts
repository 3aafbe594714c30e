import type { Pod } from '../../src/kube/objects.ts';
import type { OwnerObject } from '../../src/kube/owner-objects.ts';
import { type Controllers, claim, endPod, isReady, makePod, report } from './fake-controllers.ts';

const COST = 'controller.kubernetes.io/pod-deletion-cost';

/** Makes what is missing and deletes what is too much, the pods that are not assigned or not ready first, then by cost. */
export function syncReplicaSet(controllers: Controllers, set: OwnerObject): void {
  const pods = claim(controllers, set);
  const wanted = set.spec.replicas ?? 1;
  for (let missing = wanted - pods.length; missing > 0; missing -= 1) {
    if (!makePod(controllers, set, controllers.newName(set.metadata.name), {})) break;
  }
  const excess = pods.toSorted(byRank).slice(0, Math.max(0, pods.length - wanted));
  for (const pod of excess) endPod(controllers, pod);
  report(controllers, set, { replicas: pods.length, readyReplicas: pods.filter(isReady).length });
}

/** The order in which a ReplicaSet deletes (ActivePodsWithRanks of k8s.io/kubernetes), as far as it is decided here. */
function byRank(a: Pod, b: Pod): number {
  const assigned = (pod: Pod) => Number(pod.spec.nodeName !== undefined);
  const cost = (pod: Pod) => Number(pod.metadata.annotations?.[COST] ?? 0);
  const made = (pod: Pod) => Date.parse(pod.metadata.creationTimestamp ?? '');
  return assigned(a) - assigned(b) || Number(isReady(a)) - Number(isReady(b)) || cost(a) - cost(b) || made(b) - made(a);
}

import type { Pod } from '../../src/kube/objects.ts';
import { controllerOf, type OwnerObject } from '../../src/kube/owner-objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { type Controllers, claim, endPod, hashOf, isReady, makePod, report } from './fake-controllers.ts';

const REVISION = 'controller-revision-hash';

/**
 * Makes the ordinals of its range, one after the other when it is OrderedReady, deletes those out of it, the highest
 * first, and those of another revision. An ordinal whose name somebody else's pod has it cannot make.
 */
export function syncStatefulSet(controllers: Controllers, set: OwnerObject): void {
  const { name, namespace } = set.metadata;
  const start = set.spec.ordinals?.start ?? 0;
  const wanted = set.spec.replicas ?? 1;
  const updateRevision = `${name}-${hashOf(set.spec.template)}`;
  const pods = claim(controllers, set, (pod) => ordinalOf(set, pod) !== undefined);
  const isIn = (ordinal: number) => ordinal >= start && ordinal < start + wanted;
  const done = makeMissing(controllers, set, pods, updateRevision);
  const condemned = pods.filter((pod) => !isIn(ordinalOf(set, pod) ?? -1)).toSorted((a, b) => byOrdinal(set, b, a));
  if (done && condemned[0]) endPod(controllers, condemned[0]);
  const stale = pods.filter((pod) => pod.metadata.labels?.[REVISION] !== updateRevision && !condemned.includes(pod));
  const strategy = set.spec['updateStrategy'] as { type?: string } | undefined;
  const settled = done && condemned.length === 0 && pods.every(isReady);
  if (settled && strategy?.type !== 'OnDelete' && stale[0]) endPod(controllers, stale[0]);
  const now = (controllers.cluster.all(RESOURCES.pod, namespace) as Pod[]).filter(
    (pod) => controllerOf(pod)?.uid === set.metadata.uid && !pod.metadata.deletionTimestamp,
  );
  const updated = now.filter((pod) => pod.metadata.labels?.[REVISION] === updateRevision).length;
  const readyReplicas = now.filter(isReady).length;
  report(controllers, set, { replicas: now.length, readyReplicas, updatedReplicas: updated, updateRevision });
}

/** Whether every ordinal of the range is there and, for an OrderedReady set, ready. */
function makeMissing(controllers: Controllers, set: OwnerObject, pods: readonly Pod[], revision: string): boolean {
  const { name, namespace } = set.metadata;
  const start = set.spec.ordinals?.start ?? 0;
  const ordered = set.spec['podManagementPolicy'] !== 'Parallel';
  let all = true;
  for (let ordinal = start; ordinal < start + (set.spec.replicas ?? 1); ordinal += 1) {
    const pod = pods.find((one) => ordinalOf(set, one) === ordinal);
    if (pod && (isReady(pod) || !ordered)) continue;
    all = false;
    const labels = {
      'statefulset.kubernetes.io/pod-name': `${name}-${ordinal}`,
      'apps.kubernetes.io/pod-index': String(ordinal),
      [REVISION]: revision,
    };
    const taken = controllers.cluster.peek(RESOURCES.pod, namespace, `${name}-${ordinal}`) !== undefined;
    if (!pod && !taken) makePod(controllers, set, `${name}-${ordinal}`, labels);
    if (taken || ordered) return false;
  }
  return all;
}

function ordinalOf({ metadata: { name } }: OwnerObject, pod: Pod): number | undefined {
  const [, ordinal] = pod.metadata.name.startsWith(`${name}-`) ? (/-(\d+)$/.exec(pod.metadata.name) ?? []) : [];
  return ordinal === undefined ? undefined : Number(ordinal);
}

function byOrdinal(set: OwnerObject, a: Pod, b: Pod): number {
  return (ordinalOf(set, a) ?? 0) - (ordinalOf(set, b) ?? 0);
}

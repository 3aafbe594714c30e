import type { Pod } from '../kube/objects.ts';
import { readSourcePod, sourcePod } from './source-pod.ts';
import type { WorkloadContext } from './workload.ts';

/** Which of its pods a ReplicaSet deletes first when it wants fewer, of those that are ready alike. */
export const COST_ANNOTATION = 'controller.kubernetes.io/pod-deletion-cost';
/** Before every other: the least that it may be (int32). */
export const FIRST_TO_GO = '-2147483648';
/** After every other. */
export const LAST_TO_GO = '2147483647';

/** A pod's own cost, if it has one. Pure. */
export function costOf(pod: Pod | undefined): string | undefined {
  return pod?.metadata.annotations?.[COST_ANNOTATION];
}

/** Null takes it away. A source pod that is gone or was replaced needs none. */
export async function setSourceCost(context: WorkloadContext, cost: string | null): Promise<void> {
  const { plan, gateway, signal } = context;
  const pod = await readSourcePod(context);
  if (!pod || (costOf(pod) ?? null) === cost) return;
  const body = { metadata: { annotations: { [COST_ANNOTATION]: cost } } };
  await gateway.patch(sourcePod(plan), 'merge', body, { signal });
}

import type { Plan, PlanDraft } from '../domain/plan.ts';
import type { ObjectRef } from '../domain/refs.ts';
import type { Pod } from '../kube/objects.ts';
import { RESOURCES } from '../kube/resources.ts';
import type { WorkloadContext } from './workload.ts';

type PodRef = ObjectRef & { readonly resource: typeof RESOURCES.pod };

/** The pod that is moved, where it was. Pure. */
export function sourcePod({ source }: Pick<PlanDraft, 'source'>): PodRef {
  const { namespace, pod } = source;
  return { side: 'source', apiVersion: 'v1', kind: 'Pod', namespace, name: pod, resource: RESOURCES.pod };
}

/** The pod that it becomes. Pure. */
export function targetPod({ target }: Pick<PlanDraft, 'target'>): PodRef {
  const { namespace, pod } = target;
  return { side: 'target', apiVersion: 'v1', kind: 'Pod', namespace, name: pod, resource: RESOURCES.pod };
}

/** The source pod; undefined when it is gone or another has its name. */
export async function readSourcePod({ plan, source, signal }: WorkloadContext): Promise<Pod | undefined> {
  const { namespace, pod: name, uid } = plan.source;
  const pod = await source.get<Pod>(RESOURCES.pod, name, { namespace, signal });
  return pod?.metadata.uid === uid ? pod : undefined;
}

/**
 * Deletes the source pod, after the commit. Its processes are stopped and do not react to SIGTERM, so a longer grace
 * period would only be waited out. Idempotent.
 */
export async function removeSourcePod({ plan, gateway, signal }: WorkloadContext & { plan: Plan }): Promise<void> {
  await gateway.delete(sourcePod(plan), { signal, uid: plan.source.uid, gracePeriodSeconds: 1 });
}

import type { PlanDraft } from '../domain/plan.ts';
import type { ObjectRef } from '../domain/refs.ts';
import { RESOURCES } from '../kube/resources.ts';

/** The pod that is moved, where it was. */
export function sourcePod({ source }: PlanDraft): ObjectRef & { resource: typeof RESOURCES.pod } {
  const { namespace, pod } = source;
  return { side: 'source', apiVersion: 'v1', kind: 'Pod', namespace, name: pod, resource: RESOURCES.pod };
}

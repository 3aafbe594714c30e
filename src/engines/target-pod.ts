import type { Effect } from '../domain/effect.ts';
import type { Phase } from '../domain/phase.ts';
import type { PlanDraft } from '../domain/plan.ts';
import type { ObjectRef } from '../domain/refs.ts';
import { RESOURCES } from '../kube/resources.ts';

/** The pod that is restored before the commit: the one that takes over, or that of the rehearsal. Pure. */
export function targetPodRef({ target, rehearsal }: PlanDraft): ObjectRef & { resource: typeof RESOURCES.pod } {
  const { namespace, pod } = target;
  const name = rehearsal?.pod ?? pod;
  return { side: 'target', apiVersion: 'v1', kind: 'Pod', namespace, name, resource: RESOURCES.pod };
}

/** Making the target pod in a step, and taking it away on the way back. Pure. */
export function targetPodEffects(draft: PlanDraft, step: string, phase: Phase, detail: string): Effect[] {
  const { resource: _resource, ...object } = targetPodRef(draft);
  return [
    { step, phase, verb: 'create', object, detail },
    { step, phase, verb: 'delete', object, detail: 'way back', undoes: true },
  ];
}

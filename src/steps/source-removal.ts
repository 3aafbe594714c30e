import type { Effect } from '../domain/effect.ts';
import type { PlanDraft } from '../domain/plan.ts';
import { sourcePod } from '../workloads/source-pod.ts';

/** The end of the source pod, at the switch or, where it was held, at the end. Pure. */
export function removal(draft: PlanDraft, step: 'switch' | 'finalize'): Effect {
  const { resource: _resource, ...object } = sourcePod(draft);
  return {
    step,
    phase: step,
    verb: 'delete',
    object,
    detail: `it never runs again after the commit${unmounted(draft)}`,
  };
}

/** The order in which a volume changes hands. */
function unmounted({ volumes, source, target }: PlanDraft): string {
  const claims = volumes.filter(({ mounting }) => mounting === 'handed-over').map(({ claim }) => claim);
  return claims.length === 0 ? '' : `; ${source.node} unmounts ${claims.join(', ')} before ${target.node} mounts it`;
}

import type { PlanDraft } from '../domain/plan.ts';
import type { Step } from './step.ts';

/** How long the source is kept stopped after the commit, in ms; 0 for not at all. Pure. */
export function holdOf({ request }: Pick<PlanDraft, 'request'>): number {
  return request.hold ?? 0;
}

/** Whether the source is kept stopped after the commit. Pure. */
export function isHeld(draft: Pick<PlanDraft, 'request'>): boolean {
  return holdOf(draft) > 0;
}

/**
 * The target serves; what was only needed for the move goes, and the source stays: stopped, cut off, out of its Services
 * and in nobody's hands. A helper is not needed for that, and one that is needed for the way back is started anew.
 */
export const holdSource: Step<'hold'> = {
  name: 'hold',
  phase: 'hold',
  title: 'keep the source stopped',
  deadline: 'removeTimeout',
  applies: isHeld,
  plan: () => [],
  inspect: async ({ results }) => (results.hold ? 'done' : 'absent'),
  async apply(context) {
    await context.engine.remove(context);
    return { until: new Date(Date.now() + holdOf(context.plan)).toISOString() };
  },
};

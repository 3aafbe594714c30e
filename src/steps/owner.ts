import { workloadOf } from '../workloads/index.ts';
import type { Step } from './step.ts';

/**
 * The pod's owner is held, and the target has one that wants no pod yet: what the API server has to say against it, it
 * says before the freeze.
 */
export const owner: Step<'owner'> = {
  name: 'owner',
  phase: 'prepare',
  title: 'prepare the owners',
  deadline: 'readyTimeout',
  plan: (draft) => workloadOf(draft).effects(draft),
  capture: (context) => workloadOf(context.plan).capture(context),
  // Its acts look at the owners themselves before they change them, so that what is there is never done twice.
  inspect: async ({ results }) => (results.owner ? 'done' : 'absent'),
  async apply(context) {
    await workloadOf(context.plan).prepare(context);
    return {};
  },
  async revert(context, undo) {
    await workloadOf(context.plan).back(context, undo);
  },
};

import { engineEffects } from '../engines/effects.ts';
import type { Step } from './step.ts';

/** A privileged pod on each node where the plan has one, reachable before anything else begins. */
export const startHelpers: Step<'helpers'> = {
  name: 'helpers',
  phase: 'prepare',
  title: 'start helper pods',
  deadline: 'helperTimeout',
  plan: (draft) => engineEffects('helpers', draft),
  inspect: async (context) => (await context.engine.look(context)).means,
  async apply(context) {
    await context.engine.start(context);
    return {};
  },
  revert: (context) => context.engine.remove(context),
};

import { workloadOf } from '../workloads/index.ts';
import { isRehearsed, renewalOn } from './renewal.ts';
import type { Step } from './step.ts';

/** Whoever will make the pod anew is told how, the last thing before the freeze. */
export const makeWay: Step<'way'> = {
  name: 'way',
  phase: 'prepare',
  title: 'have the pod’s place made ready',
  deadline: 'readyTimeout',
  applies: isRehearsed,
  plan: () => [],
  // Its way back looks at the owner before it changes anything.
  inspect: async ({ results }) => (results.way ? 'done' : 'absent'),
  async apply(context) {
    const { plan, results } = context;
    return { made: await workloadOf(plan).makeWay(context, renewalOn(plan.target.node, results)) };
  },
  async revert(context) {
    await workloadOf(context.plan).giveBack(context, context.results.way?.made ?? null);
  },
};

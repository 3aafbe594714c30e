import { workloadOf } from '../workloads/index.ts';
import type { Step } from './step.ts';

/** The target’s owner adopts the pod, which serves already. */
export const takeIn: Step<'take-in'> = {
  name: 'take-in',
  phase: 'switch',
  title: 'hand the pod to its owner in the target',
  deadline: 'readyTimeout',
  plan: () => [],
  async apply(context) {
    await workloadOf(context.plan).takeIn(context);
    return {};
  },
};

import { captureCopies, copyEffects, makeCopies, removeCopies } from '../workloads/copies.ts';
import type { Step } from './step.ts';

/** What the pod refers to by name is there before the pod is. */
export const dependencies: Step<'dependencies'> = {
  name: 'dependencies',
  phase: 'prepare',
  title: 'make what the pod refers to',
  deadline: 'readyTimeout',
  plan: copyEffects,
  capture: captureCopies,
  // What was made carries the mark of its migration; taking back looks at that, object by object.
  inspect: async ({ results }) => (results.dependencies ? 'done' : 'absent'),
  async apply(context) {
    await makeCopies(context);
    return {};
  },
  revert: removeCopies,
};

import type { Step } from './step.ts';

/** What can be copied goes ahead while the source serves; within the freeze only what changed since follows. */
export const copyFiles: Step<'copy'> = {
  name: 'copy',
  phase: 'prepare',
  title: 'copy files ahead',
  deadline: 'copyTimeout',
  plan: () => [],
  // The copies lie in the placeholder and go with it.
  inspect: async ({ results }) => (results.copy ? 'done' : 'absent'),
  apply: (context) => context.engine.copyAhead(context),
};

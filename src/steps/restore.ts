import type { Step } from './step.ts';

/**
 * The process tree is rebuilt in the placeholder and left stopped. What was restored goes away with the placeholder on
 * the way back; discarding it first is only polite, and must not hold up the thaw of the source.
 */
export const restore: Step<'restore'> = {
  name: 'restore',
  phase: 'restore',
  title: 'restore it in the target, stopped',
  deadline: 'maxFreeze',
  covered: true,
  plan: () => [],
  apply: (context) => context.engine.restore(context),
};

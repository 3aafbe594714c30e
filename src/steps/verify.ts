import type { Step } from './step.ts';

/** Every process of the image is there and stopped. */
export const verify: Step<'verify'> = {
  name: 'verify',
  phase: 'verify',
  title: 'check that every process is there',
  deadline: 'maxFreeze',
  covered: () => true,
  plan: () => [],
  inspect: async ({ results }) => (results.verify ? 'done' : 'absent'),
  apply: (context) => context.engine.verify(context),
};

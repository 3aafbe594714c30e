import type { Step } from './step.ts';

/** Everything that the source sent has arrived, byte for byte. */
export const transfer: Step<'transfer'> = {
  name: 'transfer',
  phase: 'transfer',
  title: 'carry the image over',
  deadline: 'maxFreeze',
  covered: () => true,
  plan: () => [],
  inspect: async ({ results }) => (results.transfer ? 'done' : 'absent'),
  apply: (context) => context.engine.transfer(context),
};

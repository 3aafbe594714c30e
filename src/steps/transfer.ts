import type { Step } from './step.ts';

/** Everything that the source sent has arrived, byte for byte. */
export const transfer: Step<'transfer'> = {
  name: 'transfer',
  phase: 'transfer',
  title: 'carry the image over',
  deadline: 'maxFreeze',
  // Where an archive rests on its way, the record has to name it before it can be left there.
  covered: ({ engine }) => !engine.runsOnRestore,
  plan: () => [],
  inspect: async ({ results }) => (results.transfer ? 'done' : 'absent'),
  apply: (context) => context.engine.transfer(context),
};

import { engineEffects } from '../engines/effects.ts';
import type { Step } from './step.ts';
import { expectNoneToCome, podStarter, removeTargetPod } from './target-pod.ts';

/**
 * The process tree is rebuilt in the target. Where it is left stopped in a placeholder, it goes away with that on the way
 * back, which must not hold up the source. Where the target runs at once, it is ended before the source may go on: not
 * knowing whether it still runs, the source stays stopped.
 */
export const restore: Step<'restore'> = {
  name: 'restore',
  phase: 'restore',
  title: 'restore it in the target',
  deadline: 'maxFreeze',
  covered: ({ engine }) => !engine.runsOnRestore,
  revertNeeds: ['freeze', 'helpers'],
  plan: (draft) => engineEffects('restore', draft),
  inspect: async (context) => {
    const { target } = await context.engine.look(context);
    if (target === 'unknown') return 'partial';
    return target === 'waiting' ? 'absent' : 'done';
  },
  apply: (context) => context.engine.restore(context, podStarter(context)),
  revert: async (context) => {
    if (!context.engine.runsOnRestore) return;
    await removeTargetPod(context);
    await expectNoneToCome(context);
  },
};

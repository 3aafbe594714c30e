import { engineEffects } from '../engines/effects.ts';
import type { Step } from './step.ts';

/**
 * The process image is taken and the source no longer runs. It goes on by itself when the deadline passes without a
 * seal, so a plugin that dies here leaves a source that serves.
 */
export const freeze: Step<'freeze'> = {
  name: 'freeze',
  phase: 'freeze',
  title: 'freeze the source and take its image',
  deadline: 'maxFreeze',
  // It may take another helper.
  revertDeadline: 'helperTimeout',
  // Without its helper a frozen source stays frozen.
  revertNeeds: ['helpers'],
  plan: (draft) => engineEffects('freeze', draft),
  // Set with the intent, so that the way back knows that there is something to let go.
  capture: async () => ({ frozen: true }),
  inspect: async (context) => {
    const { source } = await context.engine.look(context);
    if (source === 'unknown') return 'partial';
    return source === 'running' || source === 'thawed' ? 'absent' : 'done';
  },
  apply: (context) => context.engine.freeze(context),
  revert: (context, undo) => context.engine.thaw(context, undo !== null),
};

import { engineEffects } from '../engines/effects.ts';
import type { Step } from './step.ts';
import { podStarter, removeTargetPod } from './target-pod.ts';

/**
 * The target's part before the freeze: a pod with a program in it that waits for the restore, or the images that the
 * restore will need; scheduled, pulled and started while the source serves.
 */
export const placeholder: Step<'placeholder'> = {
  name: 'placeholder',
  phase: 'prepare',
  title: 'prepare the target',
  deadline: 'placeholderTimeout',
  plan: (draft) => engineEffects('placeholder', draft),
  apply: (context) => context.engine.prepareTarget(context, podStarter(context)),
  revert: removeTargetPod,
};

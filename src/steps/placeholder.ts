import { MIGRATION_ANNOTATION } from '../domain/names.ts';
import { engineEffects } from '../engines/effects.ts';
import { targetPodRef } from '../engines/target-pod.ts';
import type { Pod } from '../kube/objects.ts';
import { RESOURCES } from '../kube/resources.ts';
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
  async inspect({ plan, target, results, signal }) {
    const { namespace } = plan.target;
    const { name } = targetPodRef(plan);
    const found = await target.get<Pod>(RESOURCES.pod, name, { namespace, signal });
    if (found?.metadata.annotations?.[MIGRATION_ANNOTATION] !== plan.id) return 'absent';
    return found.metadata.uid === results.placeholder?.uid ? 'done' : 'partial';
  },
  apply: (context) => context.engine.prepareTarget(context, podStarter(context)),
  revert: removeTargetPod,
};

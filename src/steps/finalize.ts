import { engineEffects } from '../engines/effects.ts';
import type { Pod } from '../kube/objects.ts';
import { RESOURCES } from '../kube/resources.ts';
import { restoreInTarget } from '../routes/endpoints-route.ts';
import { areRestored } from '../routes/inspect.ts';
import { finishCopies } from '../workloads/copies.ts';
import { workloadOf } from '../workloads/index.ts';
import { removeSourcePod } from '../workloads/source-pod.ts';
import { isHeld } from './hold-source.ts';
import { sourceIsGone } from './source-pod.ts';
import { removal } from './source-removal.ts';
import type { Step } from './step.ts';

/** The source pod, which the switch deleted, is gone, and so is everything that was only needed for the move. */
export const finalize: Step<'finalize'> = {
  name: 'finalize',
  phase: 'finalize',
  title: 'see the source pod go, remove the helpers',
  deadline: 'removeTimeout',
  plan: (draft) => [...(isHeld(draft) ? [removal(draft, 'finalize')] : []), ...engineEffects('finalize', draft)],
  async inspect(context) {
    const [{ means }, gone] = await Promise.all([context.engine.look(context), sourceIsGone(context)]);
    // After a hold the helpers have been gone all the time, so that their absence says nothing.
    const told = !isHeld(context.plan) || context.results.finalize !== undefined;
    if (means === 'absent' && gone) return told && (await areRestored(context)) ? 'done' : 'partial';
    return means === 'done' && !gone ? 'absent' : 'partial';
  },
  async apply(context) {
    const { plan, source, engine, signal, waiting } = context;
    await restoreInTarget(context);
    if (isHeld(plan)) await removeSourcePod(context);
    const { namespace, pod, uid } = plan.source;
    await source.waitFor<Pod>(
      RESOURCES.pod,
      { namespace, name: pod },
      (seen) => (seen?.metadata.uid === uid ? { done: false, why: 'kubelet is still ending it' } : { done: true }),
      {
        name: `source pod ${namespace}/${pod} in ${plan.source.context} to be gone`,
        deadlineMs: plan.deadlines.removeTimeout,
        flag: '--remove-timeout',
        signal,
        onProgress: waiting,
      },
    );
    await finishCopies(context);
    await workloadOf(plan).finalize(context);
    await engine.remove(context);
    return {};
  },
};

import { isDeepStrictEqual } from 'node:util';
import { MigrateError } from '../domain/errors.ts';
import { targetPodRef } from '../engines/target-pod.ts';
import type { Pod } from '../kube/objects.ts';
import { RESOURCES } from '../kube/resources.ts';
import { workloadOf } from '../workloads/index.ts';
import { targetIn } from './results.ts';
import { sourceChange } from './source-pod.ts';
import type { Step, StepContext } from './step.ts';
import { containersOf } from './target-pod.ts';

/**
 * The last look at both pods and the seal: from here on it does not run again by itself. The commit itself is the
 * runner's guarded write to the journal, right after this step.
 */
export const commit: Step<'commit'> = {
  name: 'commit',
  phase: 'commit',
  title: 'commit',
  deadline: 'maxFreeze',
  plan: () => [],
  // Whether it is committed, the record alone decides; the seal only says that it may be.
  inspect: async (context) => {
    const { source } = await context.engine.look(context);
    if (source === 'released') return 'done';
    return source === 'sealed' || source === 'unknown' ? 'partial' : 'absent';
  },
  async apply(context) {
    await Promise.all([
      checkSource(context),
      checkTarget(context),
      workloadOf(context.plan).check(context, context.results.way?.made ?? null),
      context.engine.seal(context),
    ]);
    return {};
  },
};

async function checkSource(context: StepContext): Promise<void> {
  const change = await sourceChange(context);
  if (change === undefined) return;
  throw new MigrateError('F344', {
    detail: `${change} while it was being moved`,
    remedy: 'look at the pod, then try again',
  });
}

/** What was restored is in the pod that is there now, and that pod is to stay: kubelet ends all that is in a deleted one. */
async function checkTarget({ plan, target, results, signal }: StepContext): Promise<void> {
  const { namespace } = plan.target;
  const { name } = targetPodRef(plan);
  const made = targetIn(results);
  const now = await target.get<Pod>(RESOURCES.pod, name, { namespace, signal });
  const { containerIds, afreshIds } = made;
  const isSame =
    now?.metadata.uid === made.uid &&
    isDeepStrictEqual(containersOf(plan, now), { containerIds, ...(afreshIds && { afreshIds }) });
  if (isSame && now.metadata.deletionTimestamp === undefined) return;
  throw new MigrateError('F349', {
    detail: `target pod ${namespace}/${name} in ${plan.target.context} was deleted, evicted, replaced or restarted while it was being restored`,
    remedy: 'look for who did that (kubectl get events), then try again',
  });
}

import { MigrateError } from '../domain/errors.ts';
import type { Pod } from '../kube/objects.ts';
import { bareContainerId } from '../kube/pod-status.ts';
import { RESOURCES } from '../kube/resources.ts';
import { workloadOf } from '../workloads/index.ts';
import type { Step, StepContext } from './step.ts';

/**
 * The last look at the source and the seal: from here on it does not run again by itself. The commit itself is the
 * runner's guarded write to the journal, right after this step.
 */
export const commit: Step<'commit'> = {
  name: 'commit',
  phase: 'commit',
  title: 'commit',
  deadline: 'maxFreeze',
  plan: () => [],
  async apply(context) {
    await Promise.all([checkSource(context), workloadOf(context.plan).check(context), context.engine.seal(context)]);
    return {};
  },
};

/** A container that was restarted in the meantime is another one than the image was taken of. */
async function checkSource({ plan, source, signal }: StepContext): Promise<void> {
  const { namespace, pod, uid, container } = plan.source;
  const now = await source.get<Pod>(RESOURCES.pod, pod, { namespace, signal });
  const status = now?.status?.containerStatuses?.find((candidate) => candidate.name === container.name);
  const same =
    now?.metadata.uid === uid &&
    status?.restartCount === container.restartCount &&
    bareContainerId(status?.containerID ?? '') === container.id;
  if (same && !now.metadata.deletionTimestamp) return;
  throw new MigrateError('F344', {
    detail: `pod ${namespace}/${pod} was ${now ? 'restarted, replaced or deleted' : 'removed'} while it was being moved`,
    remedy: 'look at the pod, then try again',
  });
}

import { failureCode } from '../../domain/errors.ts';
import { need } from '../../domain/need.ts';
import type { Pod } from '../../kube/objects.ts';
import { bareContainerId } from '../../kube/pod-status.ts';
import type { ClusterReader } from '../../kube/ports.ts';
import { RESOURCES } from '../../kube/resources.ts';
import type { EngineContext } from '../engine.ts';
import type { HelperPods } from './helper-pods.ts';
import { restoredIn } from './rehearse.ts';
import type { WaitReport } from './start-pod.ts';
import { bySuccessor } from './successor.ts';

/**
 * The target runs. What a helper that is gone has restored stays stopped beside its placeholders: another one is started in
 * its place and takes it up. Idempotent; what went on and was started anew by kubelet since is let be.
 */
export async function letGoOn(
  pods: HelperPods,
  target: ClusterReader,
  context: EngineContext,
  report: WaitReport,
): Promise<void> {
  const { results } = context;
  const { signal } = report;
  const place = results.place ?? need(results, 'placeholder');
  const side = results.place?.side ?? 'target';
  const containerIds = [...need(place, 'containerIds')];
  const afresh = place.afreshIds ? { afresh: [...place.afreshIds] } : {};
  const act = () => pods.call(side, 'continue', { containerIds, ...afresh }, { signal });
  const takeUp = () => pods.call(side, 'take-up-restored', restoredIn(results, containerIds), { signal });
  try {
    await bySuccessor(pods, side, { act, takeUp }, report);
  } catch (error) {
    if (failureCode(error) !== 'F332') throw error;
    const { target: kept } = await pods.call(side, 'status', {}, { signal });
    if (kept.state !== 'idle' || !(await isAfresh(target, context, containerIds))) throw error;
  }
}

/**
 * Whether the target pod's containers are others than those that were restored into, and started: kubelet has started them
 * anew, and only what was told to go on passes the placeholder's startup probe.
 */
async function isAfresh(target: ClusterReader, { plan, signal }: EngineContext, restored: string[]): Promise<boolean> {
  const { namespace, pod: name } = plan.target;
  const pod = await target.get<Pod>(RESOURCES.pod, name, { namespace, signal });
  const statuses = pod?.status?.containerStatuses ?? [];
  const isNew = ({ containerID, started }: (typeof statuses)[number]) =>
    started === true && !restored.includes(bareContainerId(containerID ?? ''));
  return statuses.length > 0 && statuses.every(isNew);
}

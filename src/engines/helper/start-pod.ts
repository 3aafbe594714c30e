import { MigrateError } from '../../domain/errors.ts';
import type { Pod } from '../../kube/objects.ts';
import { startFailure, startProgress } from '../../kube/pod-status.ts';
import type { ClusterReader, Verdict } from '../../kube/ports.ts';
import { RESOURCES } from '../../kube/resources.ts';

/** How a wait is ended, and whom it tells why it goes on. */
export interface WaitReport {
  readonly signal: AbortSignal;
  readonly onProgress: (why: string) => void;
}

/** Waits until the helper pod runs. Throws F333 when its image cannot be pulled, F330 when it cannot start, F320. */
export async function ensureRunning(
  cluster: ClusterReader,
  ref: { namespace: string; name: string },
  deadlineMs: number,
  report: WaitReport,
): Promise<void> {
  await cluster.waitFor<Pod>(RESOURCES.pod, ref, (pod) => running(pod, cluster), {
    name: `helper pod ${ref.namespace}/${ref.name} in ${cluster.context} to run`,
    deadlineMs,
    flag: '--helper-timeout',
    ...report,
  });
}

/**
 * Waits until a helper pod that has started runs, and yields whether it does: kubelet starts its program anew after a while
 * when that has failed (10 s, then longer), unless the pod is about to go. Throws F320.
 */
export async function runsAgain(
  cluster: ClusterReader,
  ref: { namespace: string; name: string },
  deadlineMs: number,
  report: WaitReport,
): Promise<boolean> {
  const comesBack = (pod: Pod | undefined) =>
    pod?.status?.phase === 'Running' && pod.metadata.deletionTimestamp === undefined;
  const settled = (pod: Pod | undefined): Verdict =>
    pod && comesBack(pod) && !isRunning(pod) ? { done: false, why: startProgress(pod) } : { done: true };
  const pod = await cluster.waitFor<Pod>(RESOURCES.pod, ref, settled, {
    name: `helper pod ${ref.namespace}/${ref.name} in ${cluster.context} to run again`,
    deadlineMs,
    flag: '--helper-timeout',
    ...report,
  });
  return comesBack(pod);
}

/** Whether its program runs. Pure. */
export function isRunning(pod: Pod | undefined): boolean {
  return pod?.status?.containerStatuses?.[0]?.state?.running !== undefined;
}

function running(pod: Pod | undefined, cluster: ClusterReader): Verdict {
  const name = `helper pod ${pod?.metadata.name} on node ${pod?.spec.nodeName} of ${cluster.context}`;
  if (!pod) throw new MigrateError('F330', { detail: 'somebody deleted the helper pod', remedy: 'try again' });
  if (isRunning(pod)) return { done: true };
  const failure = startFailure(pod);
  if (!failure) return { done: false, why: startProgress(pod) };
  const detail = `${name}: ${failure.reason}: ${failure.message}`;
  if (failure.reason.includes('Image')) {
    throw new MigrateError('F333', {
      detail,
      remedy: 'name an image that the node can pull with --helper-image or KUBECTL_MIGRATE_HELPER_IMAGE',
    });
  }
  throw new MigrateError('F330', {
    detail,
    remedy: `look at it with: kubectl --context ${cluster.context} -n ${pod.metadata.namespace} describe pod ${pod.metadata.name}`,
  });
}

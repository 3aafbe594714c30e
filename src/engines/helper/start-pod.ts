import { MigrateError } from '../../domain/errors.ts';
import type { Pod } from '../../kube/objects.ts';
import { stuck } from '../../kube/pod-status.ts';
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

function running(pod: Pod | undefined, cluster: ClusterReader): Verdict {
  const name = `helper pod ${pod?.metadata.name} on node ${pod?.spec.nodeName} of ${cluster.context}`;
  if (!pod) throw new MigrateError('F330', { detail: 'somebody deleted the helper pod', remedy: 'try again' });
  const status = pod.status?.containerStatuses?.[0];
  if (status?.state?.running) return { done: true };
  const hopeless = stuck(status);
  if (hopeless?.reason.match(/Image/)) {
    throw new MigrateError('F333', {
      detail: `${name}: ${hopeless.reason}: ${hopeless.message}`,
      remedy: 'name an image that the node can pull with --helper-image or KUBECTL_MIGRATE_HELPER_IMAGE',
    });
  }
  const ended = status?.state?.terminated;
  if (hopeless || ended || pod.status?.phase === 'Failed') {
    const why = hopeless ?? {
      reason: ended?.reason ?? pod.status?.reason ?? '',
      message: ended?.message ?? pod.status?.message ?? '',
    };
    throw new MigrateError('F330', {
      detail: `${name}: ${why.reason}: ${why.message}`,
      remedy: `look at it with: kubectl --context ${cluster.context} -n ${pod.metadata.namespace} describe pod ${pod.metadata.name}`,
    });
  }
  return { done: false, why: status?.state?.waiting?.reason ?? pod.status?.phase ?? 'not seen yet' };
}

import type { ContainerStatus, Pod } from './objects.ts';

/** Reasons for which kubelet keeps a container waiting until somebody mends something. */
const HOPELESS = new Set([
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
  'CrashLoopBackOff',
]);

/** As kubelet or the runtime said it. */
export interface Stuck {
  readonly reason: string;
  readonly message: string;
}

/** The first container of the pod, init containers included, that kubelet keeps waiting for somebody's help. */
function stuckContainer({ status }: Pod): Stuck | undefined {
  for (const { name, state } of [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]) {
    const reason = state?.waiting?.reason;
    if (reason && HOPELESS.has(reason))
      return { reason, message: `container ${name}: ${state.waiting?.message ?? ''}` };
  }
  return undefined;
}

/** Status of the container of that name, a sidecar's included. Pure. */
export function containerStatus(pod: Pod, name: string): ContainerStatus | undefined {
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  return statuses.find((status) => status.name === name);
}

/** Why a pod that was just made does not run and never will by itself; undefined while it may still come up. Pure. */
export function startFailure(pod: Pod): Stuck | undefined {
  const stuck = stuckContainer(pod);
  if (stuck) return stuck;
  const ended = pod.status?.containerStatuses?.find(({ state }) => state?.terminated)?.state?.terminated;
  if (!ended && pod.status?.phase !== 'Failed') return undefined;
  return {
    reason: ended?.reason ?? pod.status?.reason ?? 'failed',
    message: ended?.message ?? pod.status?.message ?? '',
  };
}

/** What a pod that does not run yet is waiting for, as far as the API server knows. Pure. */
export function startProgress(pod: Pod): string {
  const scheduled = condition(pod, 'PodScheduled');
  if (!scheduled.met && scheduled.why) return `not scheduled: ${scheduled.why}`;
  const waiting = pod.status?.containerStatuses?.find(({ state }) => state?.waiting)?.state?.waiting;
  return waiting?.reason ?? pod.status?.phase ?? 'not seen yet';
}

/** Status of a condition (`Ready`, `PodScheduled`), with the reason where there is one. Pure. */
export function condition(pod: Pod, type: string): { met: boolean; why: string } {
  const found = pod.status?.conditions?.find((candidate) => candidate.type === type);
  return { met: found?.status === 'True', why: [found?.reason, found?.message].filter(Boolean).join(': ') };
}

/** The pod's addresses, the primary one first. Pure. */
export function podAddresses(pod: Pod): string[] {
  const all = (pod.status?.podIPs ?? []).map(({ ip }) => ip);
  return all.length > 0 ? all : pod.status?.podIP ? [pod.status.podIP] : [];
}

/** A container id without the runtime's prefix (`containerd://`). Pure. */
export function bareContainerId(id: string): string {
  return id.slice(id.indexOf('://') + 3);
}

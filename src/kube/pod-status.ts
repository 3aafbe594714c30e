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

export interface Stuck {
  readonly reason: string;
  readonly message: string;
}

/** Why a container will not start without somebody's help; undefined while it may still come up by itself. Pure. */
export function stuck(status: ContainerStatus | undefined): Stuck | undefined {
  const waiting = status?.state?.waiting;
  if (!waiting?.reason || !HOPELESS.has(waiting.reason)) return undefined;
  return { reason: waiting.reason, message: waiting.message ?? '' };
}

/** The first container of the pod, init containers included, that will not start. Pure. */
export function stuckContainer(pod: Pod): Stuck | undefined {
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  for (const status of statuses) {
    const why = stuck(status);
    if (why) return { ...why, message: `container ${status.name}: ${why.message}` };
  }
  return undefined;
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

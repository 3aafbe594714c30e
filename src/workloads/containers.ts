import type { Container, PodSpec } from '../kube/objects.ts';

/** An init container that runs as long as the pod. Pure. */
export function isSidecar({ restartPolicy }: Container): boolean {
  return restartPolicy === 'Always';
}

/** The sidecars of a pod. Pure. */
export function sidecars(spec: PodSpec): Container[] {
  return (spec.initContainers ?? []).filter(isSidecar);
}

/** The containers that run as long as the pod, in the order in which kubelet starts them. Pure. */
export function lastingContainers(spec: PodSpec): Container[] {
  return [...sidecars(spec), ...spec.containers];
}

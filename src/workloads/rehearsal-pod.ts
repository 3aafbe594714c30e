import type { Container, Pod } from '../kube/objects.ts';

/** A host name is at most so long (RFC 1035); kubelet cuts a pod's name there. */
const HOST_NAME_LIMIT = 63;

/**
 * The throw-away pod in which the restore of a target pod is tried: under another name with the same host name, without
 * labels, so that nobody counts it or sends it anything, and asking for no room, because for a moment it is beside the
 * target pod. What limits the target pod limits it too. Pure.
 */
export function rehearsalPod(target: Pod, name: string): Pod {
  const { labels: _labels, ...metadata } = target.metadata;
  const { spec } = target;
  return {
    ...target,
    metadata: { ...metadata, name },
    spec: {
      ...spec,
      hostname: spec.hostname ?? target.metadata.name.slice(0, HOST_NAME_LIMIT),
      containers: spec.containers.map(withoutRequests),
      ...(spec.initContainers && { initContainers: spec.initContainers.map(withoutRequests) }),
    },
  };
}

/** A request that is left out would be as high as the limit. */
function withoutRequests(container: Container): Container {
  const { resources } = container;
  if (!resources) return container;
  const names = Object.keys({ ...resources.requests, ...resources.limits });
  return { ...container, resources: { ...resources, requests: Object.fromEntries(names.map((name) => [name, '0'])) } };
}

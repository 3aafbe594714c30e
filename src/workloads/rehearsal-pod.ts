import type { Container, Pod, Volume } from '../kube/objects.ts';

/** A host name is at most so long (RFC 1035); kubelet cuts a pod's name there. */
const HOST_NAME_LIMIT = 63;

/**
 * The throw-away pod in which the restore of a target pod is tried: under another name with the same host name, without
 * labels, so that nobody counts it or sends it anything, and asking for no room, because for a moment it is beside the
 * target pod. What limits the target pod limits it too. Persistent volumes it goes without: an empty volume stands for
 * each, so that nothing is written to them and the source's node need not let go of them. Pure.
 */
export function rehearsalPod(target: Pod, name: string): Pod {
  const { labels: _labels, ...metadata } = target.metadata;
  const { spec } = target;
  const claims = new Set((spec.volumes ?? []).filter(isClaim).map((volume) => volume.name));
  const inRehearsal = (container: Container) => writable(withoutRequests(container), claims);
  return {
    ...target,
    metadata: { ...metadata, name },
    spec: {
      ...spec,
      hostname: spec.hostname ?? target.metadata.name.slice(0, HOST_NAME_LIMIT),
      containers: spec.containers.map(inRehearsal),
      ...(spec.initContainers && { initContainers: spec.initContainers.map(inRehearsal) }),
      ...(spec.volumes && { volumes: spec.volumes.map((volume) => (isClaim(volume) ? standIn(volume) : volume)) }),
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

function isClaim(volume: Volume): boolean {
  return volume['persistentVolumeClaim'] !== undefined;
}

function standIn({ name }: Volume): Volume {
  return { name, emptyDir: {} };
}

/** The files that the program has open are outlined there, also where it may only read. */
function writable(container: Container, volumes: ReadonlySet<string>): Container {
  const { volumeMounts } = container;
  if (!volumeMounts?.some(({ name }) => volumes.has(name))) return container;
  return {
    ...container,
    volumeMounts: volumeMounts.map((mount) => (volumes.has(mount.name) ? { ...mount, readOnly: false } : mount)),
  };
}

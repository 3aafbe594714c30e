import type { Finding } from '../../domain/finding.ts';
import type { Container, Pod, Volume } from '../../kube/objects.ts';
import { isSidecar, lastingContainers, sidecars } from '../../workloads/containers.ts';

/** One thing that a pod may use and that cannot be moved yet. */
interface Obstacle {
  readonly field: string;
  readonly what: string;
  readonly why: string;
  readonly remedy: string;
}

/** What becomes of a claim depends on both clusters: see volumes.ts. */
const MOVABLE_VOLUMES = new Set([
  'emptyDir',
  'configMap',
  'secret',
  'projected',
  'downwardAPI',
  'persistentVolumeClaim',
]);
const ORDINARY_RESOURCES = new Set(['cpu', 'memory', 'ephemeral-storage']);
const NOT_YET = 'not supported yet: see Limits in the README';

/**
 * Findings E120 for everything in the pod's spec that this version declines by name, and W221, given the pod as its author
 * wrote it. Pure.
 */
export function checkPodFeatures(pod: Pod): Finding[] {
  const obstacles = [...staticPod(pod), ...podObstacles(pod), ...containerObstacles(pod), ...volumeObstacles(pod)];
  const declined = obstacles.map((obstacle): Finding => ({ code: 'E120', severity: 'error', ...obstacle }));
  return [...declined, ...endedInit(pod)];
}

/** W221: what has run to its end on the source is not run again. */
function endedInit({ spec }: Pod): Finding[] {
  const ended = (spec.initContainers ?? []).filter((container) => !isSidecar(container)).map(({ name }) => name);
  if (ended.length === 0) return [];
  const moved = sidecars(spec).map(({ name }) => name);
  const sidecarWords = moved.length === 0 ? '' : `; sidecars (${moved.join(', ')}) move with the others`;
  return [
    {
      code: 'W221',
      severity: 'warning',
      what: `init containers (${ended.join(', ')}) do not run again in the target${sidecarWords}`,
      why: 'what they left in volumes moves, and the processes that move have begun after them',
      remedy: 'nothing to do; what they did outside of the pod’s volumes is not done in the target',
      field: 'spec.initContainers',
    },
  ];
}

function staticPod(pod: Pod): Obstacle[] {
  if (pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined) {
    return [
      {
        field: 'metadata.annotations',
        what: `pod ${pod.metadata.name} is the mirror of a static pod`,
        why: 'kubelet makes it from a file on the node and brings it back at once',
        remedy: 'move the file to the other node instead',
      },
    ];
  }
  return [];
}

function podObstacles(pod: Pod): Obstacle[] {
  const { spec } = pod;
  const shared = 'the process image would hold on to a namespace of the source node';
  const rules: [boolean, string, string, string][] = [
    [spec.hostNetwork === true, 'spec.hostNetwork', 'hostNetwork: true', shared],
    [spec.hostPID === true, 'spec.hostPID', 'hostPID: true', shared],
    [spec.hostIPC === true, 'spec.hostIPC', 'hostIPC: true', shared],
    [
      spec.hostUsers === false,
      'spec.hostUsers',
      'hostUsers: false',
      'user namespaces are mapped differently on each node',
    ],
    [
      spec.shareProcessNamespace === true,
      'spec.shareProcessNamespace',
      'shareProcessNamespace: true',
      'the sandbox’s own init would have to move too',
    ],
    [
      spec.runtimeClassName !== undefined,
      'spec.runtimeClassName',
      `runtimeClassName: ${spec.runtimeClassName}`,
      'another runtime may keep its processes where CRIU cannot see them',
    ],
    [
      (spec.ephemeralContainers ?? []).length > 0,
      'spec.ephemeralContainers',
      'ephemeral containers',
      'they cannot be made again in the target',
    ],
  ];
  return rules
    .filter(([present]) => present)
    .map(([, field, what, why]) => ({ field, what: `pod ${pod.metadata.name} has ${what}`, why, remedy: NOT_YET }));
}

function containerObstacles(pod: Pod): Obstacle[] {
  return lastingContainers(pod.spec).flatMap((container) => {
    const path = `spec.${isSidecar(container) ? 'initContainers' : 'containers'}[name=${container.name}]`;
    const devices = extendedResources(container);
    const rules: [boolean, string, string, string][] = [
      [
        container.securityContext?.privileged === true,
        'securityContext.privileged',
        'is privileged',
        'a privileged process can hold devices and mounts of the source node',
      ],
      [
        (container.ports ?? []).some((port) => port.hostPort),
        'ports[].hostPort',
        'has a hostPort',
        'clients reach it by the source node’s address',
      ],
      [
        devices.length > 0,
        'resources',
        `uses devices (${devices.join(', ')})`,
        'the state of a device is not part of a process image',
      ],
      [
        (container.volumeDevices ?? []).length > 0,
        'volumeDevices',
        'uses block devices',
        'block volumes are not moved yet',
      ],
      [
        (container.volumeMounts ?? []).some(({ mountPropagation: how }) => how !== undefined && how !== 'None'),
        'volumeMounts[].mountPropagation',
        'follows what the node mounts below a volume',
        'mounts of the moved container share nothing with the node',
      ],
      [container.tty === true, 'tty', 'has a terminal (tty: true)', 'the terminal belongs to the source node'],
      [
        container.stdin === true,
        'stdin',
        'has an open standard input (stdin: true)',
        'the pipe belongs to the source node',
      ],
      [
        container.lifecycle !== undefined,
        'lifecycle',
        'has lifecycle hooks',
        'a postStart hook would run again in the target',
      ],
      [
        container.startupProbe?.grpc !== undefined,
        'startupProbe.grpc',
        'has a gRPC startup probe',
        'the placeholder speaks only exec, TCP and HTTP probes',
      ],
      [
        isSidecar(container) && container.startupProbe !== undefined,
        'startupProbe',
        'is a sidecar with a startup probe',
        'kubelet would wait for it before it starts the other placeholders',
      ],
      [
        isSidecar(container) && container.livenessProbe !== undefined,
        'livenessProbe',
        'is a sidecar with a liveness probe',
        'kubelet would end its placeholder, which answers no probe',
      ],
    ];
    return rules
      .filter(([present]) => present)
      .map(([, field, what, why]) => ({
        field: `${path}.${field}`,
        what: `container ${container.name} ${what}`,
        why,
        remedy: NOT_YET,
      }));
  });
}

function extendedResources(container: Container): string[] {
  const names = Object.keys({ ...container.resources?.requests, ...container.resources?.limits });
  const claims = (container.resources?.claims ?? []).length > 0 ? ['resource claims'] : [];
  return [...names.filter((name) => !ORDINARY_RESOURCES.has(name)), ...claims];
}

function volumeObstacles(pod: Pod): Obstacle[] {
  return (pod.spec.volumes ?? []).flatMap((volume) => {
    const source = volumeSource(volume);
    if (MOVABLE_VOLUMES.has(source)) return [];
    return [
      {
        field: `spec.volumes[name=${volume.name}].${source}`,
        what: `volume ${volume.name} is a ${source}`,
        why: source === 'hostPath' ? 'its data stays on the source node' : 'its data does not move with the pod yet',
        remedy: NOT_YET,
      },
    ];
  });
}

/** The key that names where a volume's data comes from. */
function volumeSource(volume: Volume): string {
  return Object.keys(volume).find((key) => key !== 'name') ?? 'emptyDir';
}

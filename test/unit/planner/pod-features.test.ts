import { describe, expect, it } from 'vitest';
import type { Container, Pod } from '../../../src/kube/objects.ts';
import { checkPodFeatures } from '../../../src/planner/checks/pod-features.ts';
import { originalPod } from '../../../src/workloads/original-pod.ts';
import { type PodParts, runningPod } from '../../fixtures/objects.ts';

const container: Container = { name: 'app', image: 'registry.example/cart:1' };
const sidecar: Container = { ...container, name: 'side', restartPolicy: 'Always' };

function findings(pod: Pod) {
  return checkPodFeatures(originalPod(pod));
}

function owner(kind: string, controller: boolean): PodParts {
  return {
    metadata: { ownerReferences: [{ apiVersion: 'apps/v1', kind, name: 'cart', uid: 'o', controller }] },
  };
}

const DECLINED: readonly (readonly [string, PodParts, string, RegExp])[] = [
  ['hostNetwork', { spec: { hostNetwork: true } }, 'spec.hostNetwork', /hostNetwork/],
  ['hostPID', { spec: { hostPID: true } }, 'spec.hostPID', /hostPID/],
  ['hostIPC', { spec: { hostIPC: true } }, 'spec.hostIPC', /hostIPC/],
  ['hostUsers: false', { spec: { hostUsers: false } }, 'spec.hostUsers', /hostUsers: false/],
  [
    'shareProcessNamespace',
    { spec: { shareProcessNamespace: true } },
    'spec.shareProcessNamespace',
    /shareProcessNamespace/,
  ],
  ['a RuntimeClass', { spec: { runtimeClassName: 'kata' } }, 'spec.runtimeClassName', /kata/],
  [
    'something in a second container',
    { spec: { containers: [container, { ...container, name: 'side', tty: true }] } },
    'spec.containers[name=side].tty',
    /container side has a terminal/,
  ],
  [
    'a sidecar with a startup probe',
    { spec: { initContainers: [{ ...sidecar, startupProbe: { exec: {} } }] } },
    'spec.initContainers[name=side].startupProbe',
    /startup probe/,
  ],
  [
    'a sidecar with a liveness probe',
    { spec: { initContainers: [{ ...sidecar, livenessProbe: { exec: {} } }] } },
    'spec.initContainers[name=side].livenessProbe',
    /liveness probe/,
  ],
  ['ephemeral containers', { spec: { ephemeralContainers: [{ name: 'debug' }] } }, 'spec.ephemeralContainers', /ephem/],
  ['a hostPath', { spec: { volumes: [{ name: 'd', hostPath: { path: '/d' } }] } }, 'spec.volumes[name=d]', /hostPath/],
  [
    'a CSI volume',
    { spec: { volumes: [{ name: 'd', csi: { driver: 'x' } }] } },
    'spec.volumes[name=d].csi',
    /is a csi/,
  ],
  [
    'a hostPort',
    { container: { ports: [{ containerPort: 80, hostPort: 80 }] } },
    '[name=app].ports[].hostPort',
    /hostPort/,
  ],
  [
    'privileged',
    { container: { securityContext: { privileged: true } } },
    '[name=app].securityContext.privileged',
    /privileged/,
  ],
  [
    'an extended resource',
    { container: { resources: { limits: { 'example.com/gpu': '1' } } } },
    '[name=app].resources',
    /example\.com\/gpu/,
  ],
  ['a resource claim', { container: { resources: { claims: [{ name: 'gpu' }] } } }, '[name=app].resources', /claims/],
  ['a block device', { container: { volumeDevices: [{}] } }, '[name=app].volumeDevices', /block/],
  [
    'mounts that follow the node',
    { container: { volumeMounts: [{ name: 'd', mountPath: '/d', mountPropagation: 'HostToContainer' }] } },
    '[name=app].volumeMounts[].mountPropagation',
    /below a volume/,
  ],
  ['a terminal', { container: { tty: true } }, '[name=app].tty', /tty: true/],
  ['standard input', { container: { stdin: true } }, '[name=app].stdin', /stdin: true/],
  ['lifecycle hooks', { container: { lifecycle: { preStop: {} } } }, '[name=app].lifecycle', /lifecycle/],
  [
    'a gRPC startup probe',
    { container: { startupProbe: { grpc: { port: 1 } } } },
    '[name=app].startupProbe.grpc',
    /gRPC/,
  ],
  [
    'a static pod',
    { metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } } },
    'metadata.annotations',
    /static pod/,
  ],
];

describe('features of a pod', () => {
  it.each(DECLINED)('%s is declined by name', (_name, parts, field, words) => {
    const [found, ...others] = findings(runningPod(parts));
    expect(others).toEqual([]);
    expect(found).toMatchObject({ code: 'E120', severity: 'error' });
    expect(found?.what).toMatch(words);
    expect(found?.field).toContain(field);
    for (const text of [found?.why, found?.remedy]) expect(text).toBeTruthy();
  });

  it('are all declined at once', () => {
    const pod = runningPod({ spec: { hostNetwork: true, hostPID: true }, container: { tty: true, stdin: true } });
    expect(findings(pod)).toHaveLength(4);
  });

  it.each<readonly [string, PodParts]>([
    ['an ordinary pod', {}],
    ['several containers', { spec: { containers: [container, { ...container, name: 'side' }] } }],
    [
      'init containers and sidecars',
      { spec: { initContainers: [{ ...container, name: 'setup', tty: true }, sidecar] } },
    ],
    ['hostUsers: true', { spec: { hostUsers: true } }],
    ['an owner that is no controller', owner('ReplicaSet', false)],
    ['cpu, memory and ephemeral storage', { container: { resources: { limits: { cpu: '1', memory: '1Gi' } } } }],
    ['a container port', { container: { ports: [{ containerPort: 80, name: 'http' }] } }],
    [
      'gRPC for readiness and liveness',
      { container: { readinessProbe: { grpc: { port: 1 } }, livenessProbe: { grpc: { port: 1 } } } },
    ],
    [
      'volumes that the target makes or that move along',
      {
        spec: {
          volumes: [
            { name: 'a', emptyDir: {} },
            { name: 'b', configMap: { name: 'b' } },
            { name: 'c', secret: { secretName: 'c' } },
            { name: 'd', downwardAPI: {} },
            { name: 'e', projected: { sources: [] } },
          ],
        },
      },
    ],
  ])('%s is let through', (_name, parts) => {
    expect(findings(runningPod(parts)).filter(({ severity }) => severity === 'error')).toEqual([]);
  });
});

it('init containers that have run are told of, and that sidecars move', () => {
  const spec = { initContainers: [{ name: 'setup', image: 'i' }, sidecar] };
  expect(checkPodFeatures(runningPod({ spec }))).toMatchObject([
    {
      code: 'W221',
      severity: 'warning',
      what: 'init containers (setup) do not run again in the target; sidecars (side) move with the others',
    },
  ]);
});

import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../src/kube/objects.ts';
import { originalPod } from '../../../src/workloads/original-pod.ts';
import { placeholderPod, withCommandLines } from '../../../src/workloads/placeholder-pod.ts';
import { expandedByKubelet } from '../../fixtures/kubelet-expansion.ts';
import { IMAGE_BY_DIGEST, type PodParts, runningPod } from '../../fixtures/objects.ts';

const SHAPES: Readonly<Record<string, PodParts>> = {
  bare: {},
  'command and arguments': { container: { command: ['/cart'], args: ['--serve', '$(PORT)'] } },
  'arguments only': { container: { args: ['--serve'] } },
  'a startup probe': { container: { startupProbe: { httpGet: { port: 'http', path: '/up' }, periodSeconds: 3 } } },
  'other probes': {
    container: { livenessProbe: { exec: { command: ['true'] } }, readinessProbe: { tcpSocket: { port: 1 } } },
  },
  'volumes and mounts': {
    spec: {
      volumes: [
        { name: 'data', emptyDir: { sizeLimit: '1Gi' } },
        { name: 'c', configMap: { name: 'c' } },
      ],
    },
    container: { volumeMounts: [{ name: 'data', mountPath: '/data' }] },
  },
  'node affinity': {
    spec: {
      affinity: {
        podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] },
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'disk', operator: 'Exists' }] },
              { matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] },
            ],
          },
        },
      },
    },
  },
  'tolerations of its own': {
    spec: {
      tolerations: [
        { key: 'gpu', operator: 'Exists' },
        { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 },
        { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoSchedule' },
      ],
    },
  },
  'security and limits': {
    spec: { securityContext: { fsGroup: 1000, runAsNonRoot: true }, terminationGracePeriodSeconds: 5 },
    container: {
      securityContext: { runAsUser: 1000, capabilities: { drop: ['ALL'] }, readOnlyRootFilesystem: true },
      resources: { requests: { cpu: '10m' }, limits: { memory: '64Mi' } },
      env: [{ name: 'PORT', value: '80' }],
      ports: [{ name: 'http', containerPort: 80 }],
    },
  },
};

function placed(pod: Pod): Pod {
  return placeholderPod({
    original: originalPod(pod),
    migration: 'm-test',
    namespace: 'shop',
    node: 'west-1',
    images: new Map([['app', IMAGE_BY_DIGEST]]),
    helperImage: 'registry.example/helper:1',
  });
}

/** What the API server of a cluster adds to a pod that is created there. */
function admitted(pod: Pod): Pod {
  const seconds = { operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 };
  const missing = ['not-ready', 'unreachable']
    .map((name) => ({ ...seconds, key: `node.kubernetes.io/${name}` }))
    .filter(({ key }) => !pod.spec.tolerations?.some((own) => own.key === key && own.effect !== 'NoSchedule'));
  const token = { name: 'kube-api-access-x7k2p', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' };
  const mount = <T extends { volumeMounts?: (typeof token)[] }>(container: T): T => ({
    ...container,
    volumeMounts: [...(container.volumeMounts ?? []), token],
  });
  const spec = {
    ...pod.spec,
    nodeName: 'west-1',
    priority: 0,
    preemptionPolicy: 'PreemptLowerPriority',
    serviceAccount: 'default',
    tolerations: [...(pod.spec.tolerations ?? []), ...missing],
    volumes: [...(pod.spec.volumes ?? []), { name: token.name, projected: {} }],
    containers: pod.spec.containers.map(mount),
    ...(pod.spec.initContainers && { initContainers: pod.spec.initContainers.map(mount) }),
  };
  return { ...pod, metadata: { ...pod.metadata, uid: 'u', resourceVersion: '7' }, spec } as Pod;
}

/** The image is taken by digest on purpose, and pulled only where it is missing. */
function comparable(pod: Pod): Pod['spec'] {
  const [container, ...others] = pod.spec.containers;
  if (!container) throw new Error('no container');
  const { image: _image, imagePullPolicy: _policy, ...rest } = container;
  return { ...pod.spec, containers: [{ ...rest, image: '' }, ...others] };
}

/** Lists that were left out are empty, and the node was chosen by the scheduler. */
function asWritten(pod: Pod): Pod {
  const { nodeName: _node, ...spec } = pod.spec;
  const containers = spec.containers.map((container) => ({ volumeMounts: [], ...container }));
  return { ...pod, spec: { initContainers: [], volumes: [], tolerations: [], ...spec, containers } };
}

describe.each(Object.entries(SHAPES))('a pod with %s', (_name, parts) => {
  const pod = runningPod(parts);

  it('comes out of its placeholder as it went in', () => {
    expect(comparable(originalPod(admitted(pod)))).toEqual(comparable(asWritten(pod)));
    expect(comparable(originalPod(admitted(placed(admitted(pod)))))).toEqual(comparable(asWritten(pod)));
  });

  it('makes the same placeholder when it moves on', () => {
    const first = placed(admitted(pod));
    const second = placed(admitted(first));
    expect(comparable(second)).toEqual(comparable(first));
    expect(second.metadata).toEqual(first.metadata);
  });

  it('keeps its command line however often it moves', () => {
    const { command, args = [] } = pod.spec.containers[0] ?? {};
    const ofImage = ['/bin/cart', '--port', '$(PORT)', '--', 'echo $$ $HOME'];
    const line = [...(command?.map(expandedByKubelet) ?? ofImage), ...args.map(expandedByKubelet)];
    const once = withCommandLines(placed(pod), { app: line });
    const expanded = (once.spec.containers[0]?.command ?? []).map(expandedByKubelet);
    expect(expanded.slice(-line.length)).toEqual(line);
    const twice = withCommandLines(placed(admitted(once)), { app: expanded });
    expect(twice.spec.containers[0]?.command).toEqual(once.spec.containers[0]?.command);
  });
});

describe('an annotation that no move has written', () => {
  it.each(['{', '{"containers":{"app":{"command":"x"}}}', '{"hostPID":"true"}', '[]'])('is refused: %s', (text) => {
    const pod = runningPod({ metadata: { annotations: { 'kubectl-migrate.io/original': text } } });
    expect(() => originalPod(pod)).toThrowError(expect.objectContaining({ code: 'F305', outcome: 'declined' }));
  });
});

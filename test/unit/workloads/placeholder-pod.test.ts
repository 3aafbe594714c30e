import { describe, expect, it } from 'vitest';
import type { Plan } from '../../../src/domain/plan.ts';
import type { Container, Pod, Probe } from '../../../src/kube/objects.ts';
import { originalPod } from '../../../src/workloads/original-pod.ts';
import { asWritten, placeholderPod, withCommandLines } from '../../../src/workloads/placeholder-pod.ts';
import { movedVolumes } from '../../../src/workloads/volumes.ts';
import { expandedByKubelet } from '../../fixtures/kubelet-expansion.ts';
import { IMAGE_BY_DIGEST, type PodParts, runningPod } from '../../fixtures/objects.ts';

const PLACEHOLDER = '/.kubectl-migrate/placeholder';

function placed(parts: PodParts = {}): Pod {
  return placeholderPod({
    original: originalPod(runningPod(parts)),
    migration: 'm-test',
    namespace: 'elsewhere',
    node: 'west-1',
    images: new Map([['app', IMAGE_BY_DIGEST]]),
    helperImage: 'registry.example/helper:1',
  });
}

function container(pod: Pod): Container {
  const [first] = pod.spec.containers;
  if (!first) throw new Error('no container');
  return first;
}

describe('a placeholder', () => {
  it('has the name, labels and image of the source, in the target namespace', () => {
    const pod = placed({ metadata: { labels: { app: 'cart', team: 'shop' } } });
    expect(pod.metadata).toMatchObject({
      name: 'cart-0',
      namespace: 'elsewhere',
      labels: { app: 'cart', team: 'shop' },
    });
    expect(pod.metadata.uid).toBeUndefined();
    expect(container(pod)).toMatchObject({ name: 'app', image: IMAGE_BY_DIGEST, imagePullPolicy: 'IfNotPresent' });
    expect(pod['status']).toBeUndefined();
  });

  it('keeps annotations but for those that describe the source’s place', () => {
    const kept = { 'example.com/owner': 'shop', 'prometheus.io/scrape': 'true' };
    const bound = {
      'cni.projectcalico.org/podIP': '10.1.0.5',
      'kubectl.kubernetes.io/last-applied-configuration': '{}',
    };
    const { annotations } = placed({ metadata: { annotations: { ...kept, ...bound } } }).metadata;
    expect(annotations).toMatchObject(kept);
    expect(Object.keys(bound).filter((key) => annotations?.[key] !== undefined)).toEqual([]);
    expect(annotations?.['kubectl-migrate.io/migration']).toBe('m-test');
  });

  it('is pinned to the node in every term, beside what the pod asks for', () => {
    const zone = { matchExpressions: [{ key: 'zone', operator: 'Exists' }] };
    const disk = { matchExpressions: [{ key: 'disk', operator: 'Exists' }] };
    const pin = { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['west-1'] }] };
    const terms = (parts: PodParts) =>
      placed(parts).spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
    expect(terms({})).toEqual([pin]);
    const required = { nodeSelectorTerms: [zone, disk] };
    const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } };
    expect(terms({ spec: { affinity } })).toEqual([
      { ...zone, ...pin },
      { ...disk, ...pin },
    ]);
    expect(placed().spec.nodeName).toBeUndefined();
  });

  it('does not run the author’s command line but waits with it', () => {
    const { command, args } = container(placed({ container: { command: ['/cart'], args: ['--serve'] } }));
    expect(args).toBeUndefined();
    expect(command).toEqual([PLACEHOLDER, 'run', '--', '/cart', '--serve']);
  });

  it('leaves to kubelet what the author left to it: values of Secrets stay out of the spec', () => {
    const running = ['/entry', '--password=hunter2', '$(NONE)'];
    const args = ['--password=$(PASSWORD)', '$(NONE)'];
    const tail = (parts: PodParts) => container(withCommandLines(placed(parts), { app: running })).command?.slice(3);
    expect(tail({ container: { args } })).toEqual(['/entry', ...args]);
    expect(tail({ container: { command: ['/entry'], args } })).toEqual(['/entry', ...args]);
    expect(tail({ container: { command: ['/entry', ...args] } })).toEqual(['/entry', ...args]);
  });

  it('keeps kubelet from expanding what the image says', () => {
    const line = ['sh', '-c', 'echo $(HOME) $$(X) $HOME $$ $'];
    const command = container(withCommandLines(placed(), { app: line })).command ?? [];
    expect(command.at(-1)).toBe('echo $$(HOME) $$$$(X) $$HOME $$$$ $$');
    expect(command.map(expandedByKubelet).slice(-3)).toEqual(line);
  });

  it('takes the command line that runs, in place of a guess', () => {
    const pod = withCommandLines(placed({ container: { args: ['--serve'] } }), { app: ['/entry', '--serve'] });
    expect(container(pod).command).toEqual([PLACEHOLDER, 'run', '--', '/entry', '--serve']);
  });

  it('writes down no value that the cluster put into the author’s words', () => {
    const mine = placed({ container: { args: ['--password', '$(PW)'] } });
    expect(asWritten(mine, { app: ['/entry', '--password', 'secret'] })).toEqual({
      app: ['/entry', '--password', '$(PW)'],
    });
    const all = placed({ container: { command: ['/own', '$(PW)'] } });
    expect(asWritten(all, { app: ['/own', 'secret'] })).toEqual({ app: ['/own', '$(PW)'] });
  });

  it('takes the command line of a container that was moved before', () => {
    const pod = withCommandLines(placed(), {
      app: [PLACEHOLDER, 'run', '--supervise', '--', '/entry', '--', 'x'],
    });
    expect(container(pod).command).toEqual([PLACEHOLDER, 'run', '--', '/entry', '--', 'x']);
  });
});

describe('the installer', () => {
  const securityContext = {
    runAsUser: 1000,
    runAsNonRoot: true,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  };
  const resources = { requests: { cpu: '10m' }, limits: { memory: '64Mi' } };

  it('is admitted wherever the container is: same user, same limits, nothing more', () => {
    const pod = placed({ container: { securityContext, resources } });
    expect(pod.spec.initContainers).toMatchObject([
      {
        image: 'registry.example/helper:1',
        securityContext,
        resources,
        command: ['/placeholder', 'install', '/.kubectl-migrate', 'app'],
      },
    ]);
    expect(container(pod)).toMatchObject({ securityContext, resources });
  });

  it('is nobody in particular where root is forbidden and the image names the user', () => {
    const restricted = { runAsNonRoot: true, allowPrivilegeEscalation: false };
    const context = (parts: PodParts) => placed(parts).spec.initContainers?.[0]?.securityContext;
    expect(context({ container: { securityContext: restricted } })).toEqual({ ...restricted, runAsUser: 65534 });
    expect(context({ spec: { securityContext: { runAsNonRoot: true } } })).toEqual({ runAsUser: 65534 });
    expect(context({ spec: { securityContext: { runAsNonRoot: true, runAsUser: 7 } } })).toBeUndefined();
    expect(
      context({ spec: { securityContext: { runAsUser: 7 } }, container: { securityContext: restricted } }),
    ).toEqual(restricted);
  });

  it('mounts nothing but the volume that the placeholder lies in', () => {
    const volumes = [{ name: 'data', emptyDir: {} }];
    const volumeMounts = [{ name: 'data', mountPath: '/data' }];
    const pod = placed({ spec: { volumes }, container: { volumeMounts } });
    expect(pod.spec.initContainers?.[0]?.volumeMounts).toEqual([
      { name: 'kubectl-migrate', mountPath: '/.kubectl-migrate' },
    ]);
    expect(container(pod).volumeMounts).toHaveLength(2);
    expect(pod.spec.volumes?.map(({ name }) => name)).toEqual(['data', 'kubectl-migrate']);
  });
});

describe('the startup probe', () => {
  const ports = [
    { name: 'http', containerPort: 8080 },
    { name: 'admin', containerPort: 9090 },
  ];

  it.each<readonly [string, Probe, string[]]>([
    ['HTTP with a named port', { httpGet: { port: 'http', path: '/up' } }, ['1', '30', 'http', '', '8080', '/up']],
    [
      'HTTP with headers, a host and a budget of its own',
      {
        httpGet: { port: 80, host: 'a.example', httpHeaders: [{ name: 'X-A', value: 'b' }] },
        initialDelaySeconds: 5,
        periodSeconds: 2,
        failureThreshold: 10,
        timeoutSeconds: 4,
      },
      ['4', '25', 'http', 'a.example', '80', '/', 'X-A', 'b'],
    ],
    ['HTTPS by its connection', { httpGet: { port: 'admin', scheme: 'HTTPS' } }, ['1', '30', 'tcp', '', '9090']],
    ['TCP with a named port', { tcpSocket: { port: 'admin' } }, ['1', '30', 'tcp', '', '9090']],
    ['TCP with a number in quotes', { tcpSocket: { port: '6379' } }, ['1', '30', 'tcp', '', '6379']],
    ['a command', { exec: { command: ['redis-cli', 'ping'] } }, ['1', '30', 'exec', '--', 'redis-cli', 'ping']],
  ])('hands over %s', (_name, startupProbe, encoded) => {
    const placeholder = container(placed({ container: { ports, startupProbe } }));
    expect(placeholder.startupProbe?.exec?.command).toEqual([PLACEHOLDER, 'startup', ...encoded]);
    expect(placeholder.command).toContain('--supervise');
  });

  it('is there even where the source has none, so that the other probes wait for the restore', () => {
    const probe = { tcpSocket: { port: 1 } };
    const placeholder = container(placed({ container: { livenessProbe: probe, readinessProbe: probe } }));
    expect(placeholder.startupProbe?.exec?.command).toEqual([PLACEHOLDER, 'startup']);
    expect(placeholder.startupProbe?.failureThreshold).toBeGreaterThan(600);
    expect(placeholder).toMatchObject({ livenessProbe: probe, readinessProbe: probe });
    expect(placeholder.command).not.toContain('--supervise');
  });
});

function planOf(manifest: Pod, containers: readonly string[]): Plan {
  return { manifest, source: { containers: containers.map((name) => ({ name })) } } as unknown as Plan;
}

describe('volumes that move', () => {
  it('are emptyDirs at their mounts, the placeholder’s own excepted', () => {
    const volumes = [
      { name: 'data', emptyDir: {} },
      { name: 'cache', emptyDir: { medium: 'Memory' } },
      { name: 'config', configMap: { name: 'c' } },
      { name: 'unused', emptyDir: {} },
    ];
    const volumeMounts = [
      { name: 'data', mountPath: '/data/' },
      { name: 'cache', mountPath: '/cache' },
      { name: 'config', mountPath: '/etc/c' },
    ];
    const manifest = placed({ spec: { volumes }, container: { volumeMounts } });
    expect(movedVolumes(planOf(manifest, ['app']))).toEqual([
      { container: 'app', name: 'data', mountPath: '/data' },
      { container: 'app', name: 'cache', mountPath: '/cache' },
    ]);
  });

  it('are moved once, through a container that may write to them, and through none that does not move', () => {
    const mount = (mountPath: string, more = {}) => [{ name: 'data', mountPath, ...more }];
    const containers = [
      { name: 'app', image: 'i', volumeMounts: mount('/in', { readOnly: true }) },
      { name: 'side', image: 'i', volumeMounts: [...mount('/out'), ...mount('/part', { subPath: 'part' })] },
    ];
    const manifest = placed({ spec: { volumes: [{ name: 'data', emptyDir: {} }], containers } });
    expect(movedVolumes(planOf(manifest, ['app', 'side']))).toEqual([
      { container: 'side', name: 'data', mountPath: '/out' },
      { container: 'side', name: 'data', mountPath: '/part' },
    ]);
    expect(movedVolumes(planOf(manifest, ['app']))).toEqual([{ container: 'app', name: 'data', mountPath: '/in' }]);
  });
});

import { describe, expect, it } from 'vitest';
import { holds, shows } from '../support/compatibility.ts';
import { imageOf, pod } from '../support/manifests.ts';
import { type Scenario, scenario } from '../support/scenario.ts';

const BETWEEN = ['--context', 'east', '--to-context', 'west'];

/** What a plan of a bare pod is made from. */
const READS = [
  { apiGroups: [''], resources: ['namespaces', 'nodes', 'pods', 'services'], verbs: ['get', 'list'] },
  { apiGroups: [''], resources: ['configmaps', 'serviceaccounts'], verbs: ['get'] },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list'] },
];

interface Refusal {
  readonly error: {
    readonly code: string;
    readonly findings: readonly { readonly code: string; readonly what: string }[];
  };
}

interface Checked {
  readonly movable: boolean;
  readonly findings: readonly { readonly code: string; readonly what: string }[];
}

/** Maps huge pages (MAP_HUGETLB); without a reservation (MAP_NORESERVE) the node need not have any. */
const HUGE = `
import mmap, time
kept = mmap.mmap(-1, 2 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000 | 0x4000)
time.sleep(3600)
`;

async function findings(scene: Scenario, args: readonly string[]): Promise<string[]> {
  const ended = await scene.migrate([...args, '-o', 'json']);
  expect(ended.code).toBe(5);
  const { error } = JSON.parse(ended.stdout) as Refusal;
  return error.findings.map(({ code, what }) => `${code} ${what}`);
}

describe('what is declined before anything changes', () => {
  it('names what does not exist', () =>
    // A namespace that is not there is known to be missing only by whoever may look for it.
    scenario({ name: 'absent', also: READS }, async (scene) => {
      expect(await findings(scene, ['pod', 'x', '--context', 'east', '--to-context', 'north', '--yes'])).toEqual([
        expect.stringMatching(/^E101 .*"north"/),
      ]);
      expect(await findings(scene, ['pod', 'x', ...BETWEEN, '--yes'])).toEqual([
        expect.stringMatching(/^E103 .*\/x in east/),
      ]);
      expect(await findings(scene, ['pod', 'x', ...BETWEEN, '--to-namespace', 'nowhere', '--yes'])).toEqual([
        expect.stringMatching(/^E102 .*nowhere in west/),
        expect.stringMatching(/^E103/),
      ]);
    }));

  it('names every missing dependency, the taken name and the unknown node at once', () =>
    scenario('missing', async (scene) => {
      const { lab, namespace, kubectl, objects } = scene;
      const image = imageOf(lab, 'redis');
      const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace } });
      await kubectl.apply('east', [
        configMap('one'),
        configMap('two'),
        pod({
          namespace,
          name: 'p',
          image,
          port: 6379,
          container: { envFrom: [{ configMapRef: { name: 'one' } }, { configMapRef: { name: 'two' } }] },
        }),
      ]);
      await kubectl.apply('west', [pod({ namespace, name: 'p', image, port: 6379 })]);
      await kubectl.ready('east', namespace, 'p');
      const before = await objects();
      const found = await findings(scene, ['pod', 'p', ...BETWEEN, '--to-node', 'west-9', '--yes']);
      expect(found.toSorted()).toEqual([
        expect.stringMatching(/^E104 .*west-9/),
        expect.stringMatching(/^E108/),
        expect.stringMatching(/^E110 ConfigMap .*one/),
        expect.stringMatching(/^E110 ConfigMap .*two/),
      ]);
      expect(await objects()).toEqual(before);
    }));

  it('says which permissions are missing, and writes nothing', () =>
    scenario({ name: 'rbac', rights: [], also: READS }, async (scene) => {
      const { lab, namespace, kubectl, objects } = scene;
      await kubectl.apply('east', [pod({ namespace, name: 'p', image: imageOf(lab, 'redis'), port: 6379 })]);
      await kubectl.ready('east', namespace, 'p');
      const before = await objects();
      const refused = await findings(scene, ['pod', 'p', ...BETWEEN, '--yes']);
      expect(refused.filter((finding) => !finding.startsWith('E140 you may not '))).toEqual([]);
      for (const act of [
        `create pods in namespace ${namespace} of west`,
        'create pods in namespace kubectl-migrate of west',
        'create pods/exec in namespace kubectl-migrate of east',
        'create leases.coordination.k8s.io in namespace kubectl-migrate of east',
        `delete pods in namespace ${namespace} of east`,
      ])
        expect(refused).toContain(`E140 you may not ${act}`);
      expect(await objects()).toEqual(before);
      const ours = await kubectl.run('east', ['-n', 'kubectl-migrate', 'get', 'leases,configmaps,pods', '-o', 'yaml']);
      expect(ours).not.toContain(namespace);
    }));

  it('a helper image that cannot be pulled ends the move and leaves nothing', () =>
    scenario('no-helper', async (scene) => {
      const { lab, namespace, kubectl, migrate, objects, leftOf } = scene;
      await kubectl.apply('east', [pod({ namespace, name: 'p', image: imageOf(lab, 'redis'), port: 6379 })]);
      await kubectl.ready('east', namespace, 'p');
      const before = await objects();
      const ended = await migrate(['pod', 'p', ...BETWEEN, '--yes', '--helper-image', `${lab.registry}/nothing:1`]);
      expect(ended.stderr).toContain('F333');
      expect(ended.code).toBe(1);
      expect(await objects()).toEqual(before);
      expect(await leftOf(ended)).toEqual([]);
    }));

  it(
    'an io_uring and explicit huge pages are found before the freeze',
    shows(holds('io_uring', { declined: 'E150' }), holds('explicit huge pages', { declined: 'E150' })),
    () =>
      scenario('io-uring', async (scene) => {
        const { lab, namespace, kubectl, leftOf, migrate } = scene;
        const containers = [
          { name: 'ring', image: imageOf(lab, 'node-counter'), readinessProbe: { tcpSocket: { port: 8080 } } },
          { name: 'huge', image: imageOf(lab, 'python'), command: ['python3', '-c', HUGE] },
        ];
        await kubectl.apply('east', [pod({ namespace, name: 'p', image: '', spec: { containers } })]);
        await kubectl.ready('east', namespace, 'p');
        const ended = await migrate(['pod', 'p', ...BETWEEN, '--yes']);
        expect(ended.code).toBe(5);
        expect(ended.stderr).toMatch(/E150 +container ring: .*io-uring/);
        expect(ended.stderr).toMatch(/E150 +container huge: .*huge-pages/);
        expect(await leftOf(ended)).toEqual([]);
      }),
  );

  it(
    'a socket on the pod’s own address is found before the freeze',
    shows(holds('socket on the pod’s own address', { declined: 'E150' })),
    () =>
      scenario('own-address', async (scene) => {
        const { lab, namespace, kubectl } = scene;
        const env = [{ name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }];
        const command = ['sh', '-c', 'exec redis-server --protected-mode no --save "" --bind "$IP"'];
        await kubectl.apply('east', [
          pod({ namespace, name: 'p', image: imageOf(lab, 'redis'), port: 6379, container: { env, command } }),
        ]);
        await kubectl.ready('east', namespace, 'p');
        expect(await findings(scene, ['pod', 'p', ...BETWEEN, '--yes'])).toEqual([
          expect.stringMatching(/^E150 .*pod-address-socket/),
        ]);
      }),
  );
});

it('a dry run prints the plan that would run, with what the target’s admission says, and changes nothing', () =>
  scenario('dry-run', async (scene) => {
    const { lab, namespace, kubectl, migrate, objects } = scene;
    await kubectl.apply('east', [pod({ namespace, name: 'p', image: imageOf(lab, 'redis'), port: 6379 })]);
    await kubectl.ready('east', namespace, 'p');
    const before = await objects();
    const ended = await migrate(['pod', 'p', ...BETWEEN, '--dry-run', '-o', 'json']);
    expect(ended.code).toBe(0);
    const plan = JSON.parse(ended.stdout) as { schema: string; target: object; effects: object[] };
    expect(plan).toMatchObject({
      schema: 'kubectl-migrate/plan-v1',
      source: { pod: 'p' },
      target: { context: 'west' },
    });
    expect(plan.effects).toContainEqual(expect.objectContaining({ verb: 'delete', step: 'finalize' }));

    const limits = [{ type: 'Container', default: { memory: '64Mi' }, defaultRequest: { memory: '32Mi' } }];
    const small = (kind: string, spec: object) => ({
      apiVersion: 'v1',
      kind,
      metadata: { name: 'small', namespace },
      spec,
    });
    await kubectl.apply('west', [small('LimitRange', { limits })]);
    const check = ['check', 'pod', 'p', ...BETWEEN, '-o', 'json'];
    const changed = JSON.parse((await migrate(check)).stdout) as Checked;
    expect(changed).toMatchObject({ movable: true, findings: [{ code: 'W222' }] });
    expect(changed.findings[0]?.what).toContain('spec.containers.main.resources.limits: (absent) -> {"memory":"64Mi"}');
    await kubectl.apply('west', [small('ResourceQuota', { hard: { pods: '0' } })]);
    // The quota counts nothing before its controller has looked at it.
    const args = ['-n', namespace, 'wait', 'quota/small', '--for=jsonpath={.status.hard.pods}=0', '--timeout=30s'];
    await kubectl.run('west', args);
    const refused = JSON.parse((await migrate(check)).stdout) as Checked;
    expect(refused).toMatchObject({ movable: false, findings: [{ code: 'E180' }] });
    expect(refused.findings[0]?.what).toContain('exceeded quota: small');
    expect(await objects()).toEqual(before);
  }));

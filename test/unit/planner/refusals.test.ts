import { describe, expect, it } from 'vitest';
import { isMigrateError, MigrateError } from '../../../src/domain/errors.ts';
import type { Finding } from '../../../src/domain/finding.ts';
import type { MigrationRequest } from '../../../src/domain/plan.ts';
import { createReader } from '../../../src/kube/client.ts';
import type { Pod } from '../../../src/kube/objects.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { checkHelpers } from '../../../src/planner/checks/helpers.ts';
import { gatherFacts } from '../../../src/planner/facts.ts';
import { isWrite } from '../../fakes/fake-writes.ts';
import { namespace, runningPod, service } from '../../fixtures/objects.ts';
import { type Clusters, plan, request, twoClusters, type World } from '../../fixtures/two-clusters.ts';

/** What the planner has against it. Also holds that a refusal leaves the clusters alone and tells what to do. */
async function refusal(from: World | Clusters, parts: Partial<MigrationRequest> = {}): Promise<readonly Finding[]> {
  const clusters = 'east' in from ? from : twoClusters(from);
  const error: unknown = await plan(clusters, parts).catch((thrown: unknown) => thrown);
  if (!isMigrateError(error)) throw new Error('the planner let it through');
  expect(error).toMatchObject({ code: 'F305', outcome: 'declined' });
  const writes = [...clusters.east.calls, ...clusters.west.calls].filter(isWrite);
  expect(writes).toEqual([]);
  for (const { what, why, remedy } of error.findings) {
    expect([what, why, remedy].map((text) => text.trim()).filter((text) => text === '')).toEqual([]);
    // A command to copy must not ask whichever cluster happens to be the current one.
    expect(remedy).not.toMatch(/kubectl (?!--context|migrate)/);
  }
  return error.findings;
}

function codes(findings: readonly Finding[]): string[] {
  return findings.map(({ code }) => code);
}

function withStatus(status: Partial<NonNullable<Pod['status']>>): Pod {
  const pod = runningPod();
  return { ...pod, status: { ...pod.status, ...status } };
}

describe('places that do not exist', () => {
  it('are named: the pod', async () => {
    const [found, ...others] = await refusal({}, { pod: 'card-0' });
    expect(others).toEqual([]);
    expect(found).toMatchObject({ code: 'E103', what: expect.stringContaining('shop/card-0') });
  });

  it('are named with the flag of their side: both namespaces at once', async () => {
    const findings = await refusal({}, { namespace: 'shoop', targetNamespace: 'shoppe' });
    expect(codes(findings)).toEqual(['E102', 'E102']);
    expect(findings.map(({ remedy }) => remedy)).toEqual([
      expect.stringContaining('--namespace'),
      expect.stringContaining('--to-namespace'),
    ]);
  });

  it('are named: the node, with those that there are', async () => {
    const [found] = await refusal({}, { targetNode: 'west-9' });
    expect(found).toMatchObject({ code: 'E104', what: expect.stringContaining('west-9') });
    expect(found?.remedy).toMatch(/--to-node.*west-1.*west-2/);
  });
});

describe('the state of the pod', () => {
  const containerStatuses = [{ name: 'app', state: { waiting: { reason: 'ContainerCreating' } } }];

  it.each<readonly [string, Pod, string, RegExp]>([
    ['pending', withStatus({ phase: 'Pending', containerStatuses, podIPs: [] }), 'E105', /Pending/],
    ['finished', withStatus({ phase: 'Succeeded' }), 'E105', /Succeeded/],
    ['being deleted', runningPod({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }), 'E105', /being deleted/],
    [
      'not ready',
      withStatus({ conditions: [{ type: 'Ready', status: 'False', reason: 'ContainersNotReady' }] }),
      'E106',
      /ContainersNotReady/,
    ],
  ])('that is %s is the one finding', async (_name, pod, code, words) => {
    const findings = await refusal({ pod });
    expect(codes(findings)).toEqual([code]);
    expect(findings[0]?.what).toMatch(words);
  });

  it('needs an image that a registry knows', async () => {
    const pod = runningPod();
    for (const status of pod.status?.containerStatuses ?? []) status.imageID = `sha256:${'ab'.repeat(32)}`;
    const [found] = await refusal({ pod });
    expect(found).toMatchObject({ code: 'E120', what: expect.stringContaining('registry.example/cart:1') });
  });
});

describe('the target', () => {
  it.each(['shop', 'elsewhere'])(
    'must be another node of the same cluster, whatever address that is reached by: %s',
    async (targetNamespace) => {
      const clusters = twoClusters();
      const alias = { ...clusters.east.client('target', 'also-east'), server: 'https://alias.example' };
      const readers = { ...clusters.readers, target: createReader(alias, clusters.clock) };
      clusters.east.seed(RESOURCES.namespace, namespace('elsewhere'));
      const findings = await refusal(
        { ...clusters, readers },
        { targetNamespace, targetNode: 'east-1', targetName: 'cart-x' },
      );
      expect(findings[0]).toMatchObject({ code: 'E107', remedy: expect.stringContaining('east-2') });
    },
  );

  it('must match the node selector', async () => {
    const [found] = await refusal({}, { targetNodeSelector: 'disk=fast' });
    expect(found).toMatchObject({ code: 'E104', what: expect.stringContaining('disk=fast') });
  });

  it('must not have a pod of that name, unless it goes to another namespace', async () => {
    const clusters = twoClusters();
    clusters.west.seed(RESOURCES.pod, runningPod());
    expect(codes(await refusal(clusters))).toEqual(['E108']);
    clusters.west.seed(RESOURCES.namespace, namespace('other'));
    await expect(plan(clusters, { targetNamespace: 'other' })).resolves.toBeTruthy();
  });

  it('must have a node that fits, and each node’s reason is told', async () => {
    const pod = runningPod({ spec: { nodeSelector: { disk: 'ssd' } } });
    const [found] = await refusal({ pod });
    expect(found?.code).toBe('E132');
    expect(found?.what).toMatch(/west-1 lacks the label disk=ssd; west-2 lacks the label disk=ssd/);
  });

  it('with a node named by the user is judged by that node alone', async () => {
    const clusters = twoClusters();
    clusters.west.change(RESOURCES.node, undefined, 'west-2', (node) => {
      node['spec'] = { unschedulable: true };
    });
    const [found] = await refusal(clusters, { targetNode: 'west-2' });
    expect(found).toMatchObject({ code: 'E132', what: expect.stringMatching(/west-2 is cordoned/) });
    expect(found?.what).not.toContain('west-1');
  });

  it('needs all that the pod refers to, and all of it is listed', async () => {
    const spec = {
      serviceAccountName: 'cart',
      imagePullSecrets: [{ name: 'pull' }],
      volumes: [
        { name: 'a', configMap: { name: 'settings' } },
        { name: 'b', secret: { secretName: 'tls' } },
        { name: 'c', configMap: { name: 'perhaps', optional: true } },
        { name: 'd', projected: { sources: [{ secret: { name: 'token' } }, { configMap: { name: 'ca' } }] } },
        { name: 'e', configMap: { name: 'there' } },
      ],
    };
    const env = [{ name: 'P', valueFrom: { secretKeyRef: { name: 'password', key: 'p' } } }];
    const envFrom = [{ configMapRef: { name: 'more' } }, { secretRef: { name: 'maybe', optional: true } }];
    const clusters = twoClusters({ pod: runningPod({ spec, container: { env, envFrom } }) });
    clusters.west.seed(RESOURCES.configMap, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'there', namespace: 'shop' },
    });
    const findings = await refusal(clusters);
    expect(new Set(codes(findings))).toEqual(new Set(['E110']));
    expect(findings.map(({ what }) => what.split(' is missing')[0]).toSorted()).toEqual([
      'ConfigMap shop/ca',
      'ConfigMap shop/more',
      'ConfigMap shop/settings',
      'Secret shop/password',
      'Secret shop/pull',
      'Secret shop/tls',
      'Secret shop/token',
      'ServiceAccount shop/cart',
    ]);
  });
});

describe('helpers', () => {
  it('need an image', async () => {
    const { readers } = twoClusters();
    const { helperImage: _none, ...without } = request();
    const facts = await gatherFacts(without, readers.source, readers.target);
    const [found] = checkHelpers(facts, ['source', 'target']);
    expect(found).toMatchObject({ code: 'E142', remedy: expect.stringContaining('--helper-image') });
  });

  it.each(['baseline', 'restricted'])('must be let into their namespace: %s', async (level) => {
    const clusters = twoClusters();
    const labels = { 'pod-security.kubernetes.io/enforce': level };
    clusters.east.seed(RESOURCES.namespace, namespace('kubectl-migrate', labels));
    const findings = await refusal(clusters);
    expect(codes(findings)).toEqual(['E141']);
    expect(findings[0]?.what).toContain('of east');
  });

  it('may come into a namespace that lets privileged pods in, which is not made then', async () => {
    const clusters = twoClusters();
    const labels = { 'pod-security.kubernetes.io/enforce': 'privileged' };
    clusters.west.seed(RESOURCES.namespace, namespace('kubectl-migrate', labels));
    expect((await plan(clusters)).helper.createNamespaceIn).toEqual(['source']);
  });
});

describe('permissions', () => {
  it('that are missing are named by verb, resource, namespace and cluster, all at once', async () => {
    const clusters = twoClusters({ services: [service('cart')] });
    clusters.west.deny.push({ verb: 'create', group: '', resource: 'pods', namespace: 'shop' });
    clusters.east.deny.push(
      { verb: 'create', group: 'discovery.k8s.io', resource: 'endpointslices' },
      { verb: 'create', group: '', resource: 'pods', subresource: 'exec' },
      { verb: 'get', group: '', resource: 'pods', subresource: 'exec' },
    );
    const findings = await refusal(clusters);
    expect(codes(findings)).toEqual(['E140', 'E140', 'E140', 'E140']);
    expect(findings.map(({ what }) => what).toSorted()).toEqual([
      'you may not create endpointslices.discovery.k8s.io in namespace shop of east',
      'you may not create pods in namespace shop of west',
      'you may not create pods/exec in namespace kubectl-migrate of east',
      'you may not get pods/exec in namespace kubectl-migrate of east',
    ]);
    for (const { remedy } of findings) expect(remedy).toMatch(/auth can-i (create|get)/);
  });
});

describe('permissions to read', () => {
  it.each([
    ['watch', '', 'pods', 'kubectl-migrate'],
    ['list', '', 'pods', 'shop'],
    ['get', '', 'configmaps', 'kubectl-migrate'],
    ['list', '', 'configmaps', 'kubectl-migrate'],
    ['get', '', 'endpoints', 'shop'],
    ['list', 'discovery.k8s.io', 'endpointslices', 'shop'],
  ])('that a run will need are asked for before it: %s %s%s in %s', async (verb, group, resource, place) => {
    const clusters = twoClusters({ services: [service('cart')] });
    clusters.east.deny.push({ verb, group, resource, namespace: place });
    const [found, ...others] = await refusal(clusters);
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      code: 'E140',
      what: expect.stringMatching(new RegExp(`${verb} ${resource}.*${place}`)),
    });
  });
});

describe('findings', () => {
  it('of different kinds come together', async () => {
    const pod = runningPod({ spec: { hostNetwork: true, serviceAccountName: 'cart', nodeSelector: { disk: 'ssd' } } });
    const findings = await refusal({ pod, inTarget: [] });
    expect(codes(findings).toSorted()).toEqual(['E110', 'E120', 'E132']);
  });
});

describe('weather', () => {
  it.each([
    ['refused', 'F310'],
    ['silence', 'F311'],
  ] as const)('of the API server is told as itself: %s', async (kind, code) => {
    const clusters = twoClusters();
    clusters.west.faults.add({ when: ({ path }) => path.endsWith('/nodes'), fault: { kind }, times: 1000 });
    await expect(plan(clusters)).rejects.toMatchObject({ code, detail: expect.stringContaining('west') });
  });

  it('that the user makes ends the reading', async () => {
    const { readers } = twoClusters();
    const reason = new MigrateError('F306', { detail: 'd', remedy: 'r', outcome: 'interrupted' });
    const facts = gatherFacts(request(), readers.source, readers.target, AbortSignal.abort(reason));
    await expect(facts).rejects.toMatchObject({ outcome: 'interrupted' });
  });
});

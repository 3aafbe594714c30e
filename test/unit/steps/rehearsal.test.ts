import { describe, expect, it } from 'vitest';
import { bookkeepingWrites } from '../../../cmd/bookkeeping.ts';
import { SYSTEM_NAMESPACE } from '../../../src/domain/names.ts';
import type { MigrationRequest } from '../../../src/domain/plan.ts';
import { createGateway } from '../../../src/kube/gateway.ts';
import type { ConfigMap, KubeObject, Lease } from '../../../src/kube/objects.ts';
import type { OwnerObject } from '../../../src/kube/owner-objects.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { plannedChanges, plannedWrites, resourceOf } from '../../../src/steps/planned-writes.ts';
import { rehearse } from '../../../src/steps/rehearsal.ts';
import { settle } from '../../fakes/fake-clock.ts';
import type { FakeCluster } from '../../fakes/fake-cluster.ts';
import { runWorkloadControllers } from '../../fakes/workload-controllers.ts';
import { move, turned } from '../../fixtures/move.ts';
import { IMAGE_BY_DIGEST, namespace, runningPod, service } from '../../fixtures/objects.ts';
import { oneCluster } from '../../fixtures/one-cluster.ts';
import { deployment, statefulSet } from '../../fixtures/owners.ts';
import { allReady, type Clusters, plan, twoClusters } from '../../fixtures/two-clusters.ts';

const signal = new AbortController().signal;
const HOLD = { hold: 60_000 };
const WITHIN = { targetNode: 'east-2' };

/** Every write of a plan as the servers see it, none of which is kept. */
async function rehearsed(clusters: Clusters, request: Partial<MigrationRequest> = {}) {
  const made = await plan(clusters, request);
  const readers = { ...clusters.readers, plan: made, signal };
  const writes = [...(await plannedWrites(readers)), ...(await bookkeepingWrites(made, readers))];
  const { api, clock } = clusters;
  const gateway = createGateway({ ...api, effects: made.effects, clock, serverDryRun: true });
  const told = await rehearse(made, writes, gateway, { signal });
  return { plan: made, told, changes: await plannedChanges(readers, writes) };
}

function withSystemNamespace(clusters: Clusters): Clusters {
  for (const cluster of new Set([clusters.east, clusters.west]))
    if (!cluster.peek(RESOURCES.namespace, undefined, SYSTEM_NAMESPACE))
      cluster.seed(RESOURCES.namespace, namespace(SYSTEM_NAMESPACE));
  return clusters;
}

/** An owner with one pod in east, and one with none in west if that is asked for. */
async function owned(kind: 'deployment' | 'statefulSet', inWest: boolean): Promise<Clusters> {
  const clusters = withSystemNamespace(twoClusters());
  clusters.east.remove(RESOURCES.pod, 'shop', 'cart-0');
  for (const cluster of [clusters.east, clusters.west]) runWorkloadControllers(cluster, queueMicrotask);
  const make = kind === 'deployment' ? deployment : statefulSet;
  const spec = (nodeName: string) => ({
    template: {
      metadata: { labels: { app: 'cart' } },
      spec: { containers: [{ name: 'app', image: IMAGE_BY_DIGEST }], nodeName },
    },
  });
  clusters.east.seed<OwnerObject>(RESOURCES[kind], make({ spec: spec('east-1') }));
  if (inWest) clusters.west.seed<OwnerObject>(RESOURCES[kind], make({ replicas: 0, spec: spec('east-1') }));
  await settle();
  allReady(clusters.east);
  await settle();
  return clusters;
}

function podOfCart({ east }: Clusters): string {
  return east.all(RESOURCES.pod, 'shop').find(({ metadata }) => metadata.name.startsWith('cart'))?.metadata.name ?? '';
}

async function within(owner?: ReturnType<typeof deployment>): Promise<Clusters> {
  const world = owner ? { owner } : { pod: runningPod() };
  return withSystemNamespace(await oneCluster({ ...world, services: [service('cart')] }));
}

const bare = () => withSystemNamespace(twoClusters({ services: [service('cart')] }));

describe('what a dry run on the servers cannot ask about', () => {
  it.each<[string, () => Clusters | Promise<Clusters>, Partial<MigrationRequest>]>([
    ['a bare pod with a Service', bare, {}],
    ['a bare pod that is held', bare, HOLD],
    ['a Deployment that the target lacks', () => owned('deployment', false), {}],
    ['a Deployment that the target has', () => owned('deployment', true), {}],
    ['a Deployment that the target has, held', () => owned('deployment', true), HOLD],
    ['a StatefulSet that the target lacks', () => owned('statefulSet', false), {}],
    ['a bare pod that goes to another node', () => within(), WITHIN],
    ['a pod of a Deployment that goes to another node', () => within(deployment()), WITHIN],
    ['an ordinal that goes to another node', () => within(statefulSet()), WITHIN],
  ])('%s: only what depends on an object that is not there', async (_what, world, request) => {
    const clusters = await world();
    const { told } = await rehearsed(clusters, { pod: podOfCart(clusters), ...request });
    const clusterOf = (side: 'source' | 'target'): FakeCluster => (side === 'source' ? clusters.east : clusters.west);
    expect(told.filter(({ verdict }) => verdict === 'refused')).toEqual([]);
    expect(told.filter(({ verdict }) => verdict === 'accepted').length).toBeGreaterThan(8);
    const withheld = told.filter(({ verdict, effect }) => verdict === 'not checkable' && effect.verb !== 'exec');
    for (const { effect, why } of withheld) {
      const { side, namespace: place, name } = effect.object;
      const there = clusterOf(side).peek(resourceOf(effect), place, name);
      // The name of a pod that is made anew is still that of the source pod.
      const missing = there === undefined || /the source pod, which is there|makes it anew|makes it first/.test(why);
      expect({ effect, why, missing }).toMatchObject({ missing: true, why: expect.not.stringMatching(/content/) });
    }
  });

  it('never passes the deletion of an object that is not there', async () => {
    const clusters = await within(statefulSet());
    const { told } = await rehearsed(clusters, { pod: 'cart-0', ...WITHIN });
    const passed = told.filter(({ verdict, effect }) => verdict === 'accepted' && effect.verb === 'delete');
    for (const { effect } of passed)
      expect(clusters.east.peek(resourceOf(effect), effect.object.namespace, effect.object.name)).toBeDefined();
  });

  it('asks about a Lease that another migration left as about one that is there', async () => {
    const clusters = bare();
    clusters.east.seed(RESOURCES.lease, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'pod.shop.cart-0', namespace: SYSTEM_NAMESPACE },
    } satisfies Lease);
    const { told } = await rehearsed(clusters, { forceUnlock: true });
    const leases = told.filter(({ effect: { object } }) => object.kind === 'Lease' && object.side === 'source');
    expect(leases.map(({ effect, verdict }) => `${effect.verb} ${verdict}`).toSorted()).toEqual([
      'create not checkable',
      'delete accepted',
      'patch accepted',
    ]);
  });

  it('asks about slices that an earlier move left, with the addresses of now', async () => {
    const clusters = bare();
    await move(clusters);
    const { told } = await rehearsed(turned(clusters));
    const slices = told.filter(({ effect: { object, verb } }) => object.kind === 'EndpointSlice' && verb === 'patch');
    expect(slices.filter(({ effect }) => effect.object.side === 'target')).toMatchObject([
      { verdict: 'accepted', why: expect.stringContaining('addresses of now') },
    ]);
    expect(told.filter(({ verdict }) => verdict === 'refused')).toEqual([]);
  });
});

describe('the changes that a plan shows', () => {
  it('have what is overwritten, but no value of a Secret', async () => {
    const env = [{ name: 'P', valueFrom: { secretKeyRef: { name: 'password', key: 'p' } } }];
    const envFrom = [{ configMapRef: { name: 'settings' } }];
    const clusters = withSystemNamespace(twoClusters({ pod: runningPod({ container: { env, envFrom } }) }));
    const secret = (p: string): KubeObject => ({ ...object('Secret', 'password'), data: { p } });
    const settings = (mode: string): ConfigMap => ({ ...object('ConfigMap', 'settings'), data: { mode } });
    clusters.east.seed(RESOURCES.secret, secret('Y29ycmVjdA=='));
    clusters.west.seed(RESOURCES.secret, secret('YmF0dGVyeQ=='));
    clusters.east.seed(RESOURCES.configMap, settings('fast'));
    clusters.west.seed(RESOURCES.configMap, settings('slow'));
    const { changes, told } = await rehearsed(clusters, { overwrite: ['password', 'settings'] });
    const fields = changes.flatMap((change) => change.fields);
    expect(fields).toContainEqual({ field: 'data.mode', before: 'slow', after: 'fast' });
    expect(fields).toContainEqual({ field: 'data.p', before: '(not shown)', after: '(another)' });
    expect(told.filter(({ effect }) => effect.verb === 'apply').map(({ verdict }) => verdict)).toEqual([
      'accepted',
      'accepted',
    ]);
  });
});

function object(kind: string, name: string) {
  return { apiVersion: 'v1', kind, metadata: { name, namespace: 'shop' } };
}

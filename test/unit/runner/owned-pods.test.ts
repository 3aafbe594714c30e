import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { isMigrateError } from '../../../src/domain/errors.ts';
import type { Pod } from '../../../src/kube/objects.ts';
import type { OwnerObject } from '../../../src/kube/owner-objects.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { plannedWrites } from '../../../src/steps/planned-writes.ts';
import { settle } from '../../fakes/fake-clock.ts';
import type { FakeCluster } from '../../fakes/fake-cluster.ts';
import { runWorkloadControllers } from '../../fakes/workload-controllers.ts';
import { move } from '../../fixtures/move.ts';
import { IMAGE_BY_DIGEST } from '../../fixtures/objects.ts';
import { deployment, statefulSet } from '../../fixtures/owners.ts';
import { allReady, type Clusters, contents, plan, twoClusters } from '../../fixtures/two-clusters.ts';

const KINDS = [
  ['Deployment', RESOURCES.deployment, deployment],
  ['StatefulSet', RESOURCES.statefulSet, statefulSet],
] as const;

/** Two clusters with their controllers, and an owner in east with two pods that are Ready. */
async function shop(resource: (typeof KINDS)[number][1], make: typeof deployment) {
  const clusters = twoClusters();
  clusters.east.remove(RESOURCES.pod, 'shop', 'cart-0');
  for (const cluster of [clusters.east, clusters.west]) runWorkloadControllers(cluster, queueMicrotask);
  const spec = { containers: [{ name: 'app', image: IMAGE_BY_DIGEST }], nodeName: 'east-1' };
  const template = { metadata: { labels: { app: 'cart' } }, spec };
  clusters.east.seed<OwnerObject>(resource, make({ replicas: 2, spec: { template } }));
  await settle();
  allReady(clusters.east);
  await settle();
  const pod = podsOf(clusters.east).at(-1) ?? 'none';
  return { clusters, pod };
}

function podsOf(cluster: FakeCluster): string[] {
  return cluster.all(RESOURCES.pod, 'shop').map(({ metadata }) => metadata.name);
}

function replicas(cluster: FakeCluster, resource: (typeof KINDS)[number][1]): number | undefined {
  return cluster.peek<OwnerObject>(resource, 'shop', 'cart')?.spec.replicas;
}

/** Without what a controller writes anew each time. */
function lasting({ east, west }: Clusters) {
  const still = (cluster: FakeCluster) =>
    contents(cluster).map(({ status: _status, ...object }) => {
      const { generation: _generation, ...metadata } = object.metadata;
      return { ...object, metadata };
    });
  return { east: still(east), west: still(west) };
}

/** The same but for the version that makes a write conditional. */
function matches(sent: unknown, planned: unknown): boolean {
  const plain = (value: unknown) =>
    JSON.parse(JSON.stringify(value, (key, part) => (key === 'resourceVersion' ? undefined : part)) ?? 'null');
  return isDeepStrictEqual(plain(sent), plain(planned));
}

describe.each(KINDS)('a pod of a %s', (_kind, resource, make) => {
  it('moves and is counted once in each cluster', async () => {
    const { clusters, pod } = await shop(resource, make);
    const { state } = await move(clusters, { request: { pod } });
    await settle();
    expect(state).toBe('done');
    expect([replicas(clusters.east, resource), replicas(clusters.west, resource)]).toEqual([1, 1]);
    expect(podsOf(clusters.west)).toEqual([pod]);
    expect(podsOf(clusters.east)).toHaveLength(1);
    expect(podsOf(clusters.east)).not.toContain(pod);
  });

  it('is planned with the writes to its owners that the move then sends', async () => {
    const { clusters, pod } = await shop(resource, make);
    const made = await plan(clusters, { pod });
    const writes = await plannedWrites({ plan: made, ...clusters.readers, signal: new AbortController().signal });
    const ofOwners = writes.filter(({ effect }) => effect.object.kind === resource.kind);
    const sides = ofOwners.map(({ effect }) => `${effect.object.side} ${effect.step}`);
    expect(sides).toEqual(expect.arrayContaining(['source owner', 'target owner']));
    await move(clusters, { request: { pod } });
    await settle();
    const sent = (side: 'source' | 'target') =>
      clusters[side === 'source' ? 'east' : 'west'].calls
        .filter(({ method, path }) => method === 'PATCH' && path.includes(`/${resource.plural}/`))
        .map(({ body }) => body);
    for (const { effect, body } of ofOwners) {
      const found = sent(effect.object.side).find((each) => matches(each, body));
      expect({ effect, sent: found ?? sent(effect.object.side) }).toMatchObject({ effect, sent: body });
    }
  });

  it('is moved alone: another pod of the owner, moved from another machine meanwhile, is refused with who has it', async () => {
    const { clusters, pod } = await shop(resource, make);
    const [other = ''] = podsOf(clusters.east).filter((name) => name !== pod);
    let second: Promise<unknown> | undefined;
    const { on } = clusters.helpers.target;
    clusters.helpers.target.on = (op) => {
      on(op);
      if (op === 'prepare-restore')
        second ??= move(clusters, { request: { pod: other }, id: 'm-other' }).catch((error: unknown) => error);
    };
    const { state } = await move(clusters, { request: { pod } });
    expect(state).toBe('done');
    expect(isMigrateError(await second)).toBe(true);
    expect(await second).toMatchObject({ outcome: expect.stringMatching(/^(locked|declined)$/) });
    await settle();
    expect([replicas(clusters.east, resource), replicas(clusters.west, resource)]).toEqual([1, 1]);
    expect(podsOf(clusters.west)).toEqual([pod]);
    expect(podsOf(clusters.east)).toEqual([other]);
  });

  it.each(['prepare-restore', 'restore'] as const)('whose %s fails leaves both clusters as they were', async (op) => {
    const { clusters, pod } = await shop(resource, make);
    const was = lasting(clusters);
    clusters.helpers.target.fail.set(op, { code: 'tool-failed', summary: 'no', detail: '' });
    await expect(move(clusters, { request: { pod } })).rejects.toMatchObject({ outcome: 'failed' });
    await settle();
    expect(lasting(clusters)).toEqual(was);
  });

  it.each(['scales the owner', 'makes another pod unready'])(
    'is not moved when somebody %s during the freeze',
    async (what) => {
      const { clusters, pod } = await shop(resource, make);
      const { on } = clusters.helpers.target;
      clusters.helpers.target.on = (op) => {
        on(op);
        if (op !== 'restore') return;
        if (what === 'scales the owner')
          clusters.east.change<OwnerObject>(resource, 'shop', 'cart', ({ spec }) => {
            spec.replicas = 3;
          });
        else
          clusters.east.change<Pod>(RESOURCES.pod, 'shop', podsOf(clusters.east)[0] ?? '', ({ status }) => {
            for (const condition of status?.conditions ?? []) condition.status = 'False';
          });
      };
      await expect(move(clusters, { request: { pod } })).rejects.toMatchObject({ code: 'F344', outcome: 'failed' });
      await settle();
      expect(clusters.helpers.source.asked).toContain('thaw');
      expect(podsOf(clusters.east)).toContain(pod);
      expect(podsOf(clusters.west)).toEqual([]);
      expect(clusters.west.peek(resource, 'shop', 'cart')).toBeUndefined();
    },
  );

  it('moves when a controller writes to its owner in the same moment as the move does', async () => {
    const { clusters, pod } = await shop(resource, make);
    clusters.east.faults.add({
      when: ({ method, path }) => method === 'PATCH' && path.includes(`/${resource.plural}/`),
      fault: { kind: 'status', code: 409, reason: 'Conflict' },
      times: 2,
    });
    expect((await move(clusters, { request: { pod } })).state).toBe('done');
    await settle();
    expect([replicas(clusters.east, resource), replicas(clusters.west, resource)]).toEqual([1, 1]);
  });

  it('goes on forward when the API server of the target fails for a moment after the commit', async () => {
    const { clusters, pod } = await shop(resource, make);
    clusters.west.faults.add({
      when: ({ method, path }) => method === 'PATCH' && path.includes(`/${resource.plural}/`),
      fault: { kind: 'answer-lost' },
      from: 2,
      times: 2,
    });
    const { state } = await move(clusters, { request: { pod } });
    await settle();
    expect(state).toBe('done');
    expect(replicas(clusters.west, resource)).toBe(1);
    expect(podsOf(clusters.west)).toEqual([pod]);
  });
});

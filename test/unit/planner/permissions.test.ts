import { describe, expect, it } from 'vitest';
import { SIDES, type Side } from '../../../src/domain/refs.ts';
import type { Access } from '../../../src/kube/ports.ts';
import { accessFor } from '../../../src/planner/checks/access.ts';
import { accessOfMoves } from '../../../src/planner/permissions.ts';
import { STEPS } from '../../../src/steps/index.ts';
import type { FakeCluster } from '../../fakes/fake-cluster.ts';
import { CrashWorld } from '../../faults/crash.ts';
import { BETWEEN } from '../../faults/moves.ts';
import { move } from '../../fixtures/move.ts';
import { runningPod, service } from '../../fixtures/objects.ts';
import { oneCluster } from '../../fixtures/one-cluster.ts';
import { deployment, statefulSet } from '../../fixtures/owners.ts';

const VERBS: Readonly<Record<string, string>> = { POST: 'create', PATCH: 'patch', DELETE: 'delete' };

/** What a cluster was asked for in namespaces, as a role says it. */
function askedOf(cluster: FakeCluster): string[] {
  const asked = cluster.calls.flatMap(({ method, path: to }) => {
    const [, namespace, resource, name, sub] =
      /\/namespaces\/([^/]+)\/([a-z]+)(?:\/([^/]+))?(?:\/([a-z]+))?$/.exec(to) ?? [];
    if (namespace === undefined || to.includes('reviews')) return [];
    const read = name === undefined ? 'list' : 'get';
    return [`${VERBS[method] ?? read} ${[resource, sub].filter(Boolean).join('/')} ${namespace}`];
  });
  return [...new Set(asked)].toSorted();
}

function worded({ verb, resource, subresource, namespace }: Access): string {
  return [verb, [resource, subresource].filter(Boolean).join('/'), namespace].join(' ');
}

describe('the permissions of moves to another cluster', () => {
  const scope = { namespace: 'shop', targetNamespace: 'shop', oneCluster: false, createNamespaceIn: SIDES };
  const access = accessOfMoves(scope, STEPS, 'helper');
  const allowed = (side: Side) => access[side].map(worded);

  it.each(Object.keys(BETWEEN))('hold everything that a move of %s asked for', async (kind) => {
    const world = await CrashWorld.of(kind);
    await world.begin();
    const { east, west } = world.clusters;
    expect(askedOf(east).filter((each) => !allowed('source').includes(each))).toEqual([]);
    expect(askedOf(west).filter((each) => !allowed('target').includes(each))).toEqual([]);
  });
});

describe('the permissions of moves by the kubelet engine', () => {
  const scope = { namespace: 'shop', targetNamespace: 'shop', oneCluster: false, createNamespaceIn: [] };
  const all = accessOfMoves(scope, STEPS, 'kubelet');
  const least = accessOfMoves({ ...scope, helperSides: ['source'] }, STEPS, 'kubelet');

  it('hold what a helper in the target takes, which is all that it can do without', () => {
    expect(least.source).toEqual(all.source);
    const known = least.target.map(worded);
    const more = all.target.map(worded).filter((each) => !known.includes(each));
    const pods = ['create', 'delete', 'get', 'list', 'watch'].map((verb) => `${verb} pods kubectl-migrate`);
    const streams = ['create', 'get'].map((verb) => `${verb} pods/exec kubectl-migrate`);
    expect(more.toSorted()).toEqual([...pods, ...streams].toSorted());
  });
});

describe('the permissions of moves from node to node', () => {
  const services = [service('cart')];
  const scope = { namespace: 'shop', targetNamespace: 'shop', oneCluster: true, createNamespaceIn: SIDES };
  const { source, target } = accessOfMoves(scope, STEPS, 'helper');
  const allowed = source.map(worded);

  it.each([
    ['a pod of a Deployment', { owner: deployment({ replicas: 1 }), services }, undefined],
    ['an ordinal of a StatefulSet', { owner: statefulSet({ replicas: 1 }), services }, 'cart-0'],
    ['a bare pod', { pod: runningPod(), services }, 'cart-0'],
  ])('hold everything that a move of %s asked for', async (_name, world, pod) => {
    const clusters = await oneCluster(world);
    const [first] = clusters.east.all({ apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }, 'shop');
    const { plan } = await move(clusters, { request: { pod: pod ?? first?.metadata.name ?? '' } });
    const asked = askedOf(clusters.east);
    expect(asked.length).toBeGreaterThan(15);
    expect(asked.filter((each) => !allowed.includes(each))).toEqual([]);
    const declared = accessFor(plan.effects).map((each) => JSON.stringify(each, Object.keys(each).toSorted()));
    const known = source.map((each) => JSON.stringify(each, Object.keys(each).toSorted()));
    expect(declared.filter((each) => !known.includes(each))).toEqual([]);
  });

  it('are all of one cluster, and more than those of moves to another', () => {
    expect(target).toEqual([]);
    expect(allowed).toEqual(
      expect.arrayContaining(['delete controllerrevisions shop', 'list controllerrevisions shop']),
    );
    const between = accessOfMoves({ ...scope, oneCluster: false }, STEPS, 'helper');
    expect(between.source.map(({ resource }) => resource)).not.toContain('controllerrevisions');
  });
});

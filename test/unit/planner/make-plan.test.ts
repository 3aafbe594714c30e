import { describe, expect, it } from 'vitest';
import { PLAN_SCHEMA } from '../../../src/domain/plan.ts';
import type { Pod } from '../../../src/kube/objects.ts';
import { isWrite } from '../../fakes/fake-writes.ts';
import { IMAGE_BY_DIGEST, runningPod, service } from '../../fixtures/objects.ts';
import { plan, twoClusters } from '../../fixtures/two-clusters.ts';

describe('a plan', () => {
  it('names both places, the image by digest and the node with most room', async () => {
    const clusters = twoClusters();
    const made = await plan(clusters);
    expect(made).toMatchObject({
      schema: PLAN_SCHEMA,
      id: 'm-test',
      source: {
        context: 'east',
        namespace: 'shop',
        pod: 'cart-0',
        node: 'east-1',
        uid: clusters.uid,
        addresses: ['10.1.0.5'],
        containers: [{ name: 'app', id: 'c0'.repeat(32), image: IMAGE_BY_DIGEST, restartCount: 0 }],
      },
      target: { context: 'west', namespace: 'shop', pod: 'cart-0', node: 'west-1' },
      helper: { createNamespaceIn: ['source', 'target'] },
      warnings: [],
    });
    expect((made.manifest as unknown as Pod).spec.containers[0]?.image).toBe(IMAGE_BY_DIGEST);
  });

  it('goes where it is sent', async () => {
    const made = await plan(twoClusters(), { targetNode: 'west-2' });
    expect(made.target.node).toBe('west-2');
  });

  it('is made by reading only', async () => {
    const clusters = twoClusters({ services: [service('cart')] });
    await plan(clusters);
    const calls = [...clusters.east.calls, ...clusters.west.calls];
    expect(calls.length).toBeGreaterThan(0);
    expect(calls.filter(isWrite)).toEqual([]);
  });

  it('can be written down and read back unchanged', async () => {
    const made = await plan(twoClusters({ services: [service('cart')] }));
    expect(JSON.parse(JSON.stringify(made))).toEqual(made);
  });

  it('declares each act for its own cluster, and what is only done on the way back as such', async () => {
    const { effects } = await plan(twoClusters({ services: [service('cart')] }));
    const shown = effects.filter(({ undoes }) => !undoes).map(({ verb, object }) => [object.side, verb, object.kind]);
    expect(shown).toContainEqual(['target', 'create', 'Pod']);
    expect(shown).toContainEqual(['source', 'patch', 'Service']);
    expect(shown).toContainEqual(['source', 'delete', 'Pod']);
    const wayBack = effects.filter(({ undoes }) => undoes).map(({ verb, object }) => [object.side, verb, object.kind]);
    expect(wayBack).toContainEqual(['target', 'delete', 'Pod']);
    expect(wayBack).toContainEqual(['source', 'delete', 'ConfigMap']);
  });
});

describe('the image', () => {
  it.each([
    ['a tag', 'registry.example:5000/shop/cart:1', 'registry.example:5000/shop/cart'],
    ['no tag', 'registry.example:5000/cart', 'registry.example:5000/cart'],
    ['a digest', `cart:1@sha256:${'ff'.repeat(32)}`, 'cart'],
  ])('named with %s is taken by the digest that runs', async (_name, image, repository) => {
    const made = await plan(twoClusters({ pod: runningPod({ container: { image } }) }));
    expect(made.source.containers[0]?.image).toBe(`${repository}@sha256:${'ab'.repeat(32)}`);
  });
});

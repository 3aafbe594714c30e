import { describe, expect, it } from 'vitest';
import { fieldChanges, mergePatch } from '../../../src/domain/write.ts';
import type { ApiRequest } from '../../../src/kube/api-client.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { plannedWrites } from '../../../src/steps/planned-writes.ts';
import { move } from '../../fixtures/move.ts';
import { service } from '../../fixtures/objects.ts';
import { plan, twoClusters } from '../../fixtures/two-clusters.ts';

const signal = new AbortController().signal;

function sent({ method, path, body }: ApiRequest): string {
  const text = JSON.stringify(body ?? null, (key, value) => (key === 'resourceVersion' ? undefined : value));
  return `${method} ${path.replace(/^\/apis?\/[^/]+(\/v\d+)?(?=\/)/, '')} ${method === 'DELETE' ? '' : text}`;
}

describe('the writes of a plan', () => {
  it('are what the move then sends', async () => {
    const clusters = twoClusters({ services: [service('cart')] });
    const made = await plan(clusters);
    const writes = await plannedWrites({ plan: made, ...clusters.readers, signal });
    // What the probe finds in the container completes the command line of the placeholder.
    const fixed = writes.filter(({ effect }) => !(effect.object.kind === 'Pod' && effect.step === 'placeholder'));
    await move(clusters);
    const calls = [...clusters.east.calls, ...clusters.west.calls].map(sent);
    expect(fixed.map(({ effect }) => effect.object.kind).toSorted()).toEqual([
      'EndpointSlice',
      'EndpointSlice',
      'Endpoints',
      'Namespace',
      'Namespace',
      'NetworkPolicy',
      'NetworkPolicy',
      'Pod',
      'Pod',
      'Service',
      'Service',
    ]);
    for (const { effect, body } of fixed) {
      const verb = effect.verb === 'create' ? 'POST' : effect.verb.toUpperCase();
      const { name, namespace, kind } = effect.object;
      const { plural } = Object.values(RESOURCES).find((each) => each.kind === kind) ?? {};
      const place = namespace === undefined ? `/${plural}` : `/namespaces/${namespace}/${plural}`;
      const path = effect.verb === 'create' ? place : `${place}/${name}`;
      const text = effect.verb === 'delete' ? '' : JSON.stringify(body);
      expect(calls).toContain(`${verb} ${path} ${text}`);
    }
  });
});

describe('a merge patch', () => {
  it('sets, removes with null, and leaves the rest', () => {
    expect(mergePatch({ a: 1, b: { c: 2, d: 3 } }, { b: { c: null, e: 4 } })).toEqual({ a: 1, b: { d: 3, e: 4 } });
    expect(mergePatch(undefined, { a: { b: 1 } })).toEqual({ a: { b: 1 } });
    expect(mergePatch({ a: [1, 2] }, { a: [3] })).toEqual({ a: [3] });
  });

  it('is told field by field, lists as one', () => {
    expect(fieldChanges({ a: 1, b: { c: [1], d: 2 } }, { a: 1, b: { c: [2] } })).toEqual([
      { field: 'b.c', before: [1], after: [2] },
      { field: 'b.d', before: 2, after: undefined },
    ]);
  });
});

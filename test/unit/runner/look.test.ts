import { describe, expect, it } from 'vitest';
import { failureCode } from '../../../src/domain/errors.ts';
import { CONTAINER_FACTS, NODE_FACTS } from '../../fakes/fake-helper.ts';
import { isWrite } from '../../fakes/fake-writes.ts';
import { lookAtMove } from '../../fixtures/move.ts';
import { service } from '../../fixtures/objects.ts';
import { contents, twoClusters } from '../../fixtures/two-clusters.ts';

describe('a look from the nodes', () => {
  it('yields what they see, writes to no other namespace, and leaves nothing', async () => {
    const clusters = twoClusters({ services: [service('cart')] });
    const { east, west, helpers } = clusters;
    const before = [contents(east), contents(west)];
    const obstacles = [{ code: 'io-uring', detail: 'cart uses io_uring' } as const];
    helpers.source.answers.probe = { node: NODE_FACTS, containers: [{ ...CONTAINER_FACTS, obstacles }] };
    helpers.target.answers['probe-node'] = { ...NODE_FACTS, cpuFlags: ['sse2'] };
    const { probe } = await lookAtMove(clusters);
    expect(probe?.findings?.map(({ code }) => code)).toEqual(['E150', 'E131']);
    expect([contents(east), contents(west)]).toEqual(before);
    expect(helpers.source.asked).not.toContain('freeze');
    const elsewhere = [...east.calls, ...west.calls].filter(
      (call) =>
        isWrite(call) &&
        !/^\/api(s\/(coordination|networking).k8s.io)?\/v1\/namespaces(\/kubectl-migrate\b|$)/.test(call.path),
    );
    expect(elsewhere.map(({ method, path }) => `${method} ${path}`).filter((call) => !/review/.test(call))).toEqual([]);
  });

  it('that fails leaves nothing either, and says why', async () => {
    const clusters = twoClusters({});
    const { east, west, helpers } = clusters;
    const before = [contents(east), contents(west)];
    helpers.source.fail.set('probe', { code: 'not-movable', summary: 'no record of it', detail: '' });
    const thrown = await lookAtMove(clusters).catch((error: unknown) => error);
    expect(failureCode(thrown)).toBe('F332');
    expect([contents(east), contents(west)]).toEqual(before);
  });
});

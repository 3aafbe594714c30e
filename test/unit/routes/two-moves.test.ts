import { describe, expect, it } from 'vitest';
import type { Service } from '../../../src/kube/objects.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { captureRoutes, prepareRoutes, revertRoutes } from '../../../src/routes/endpoints-route.ts';
import type { RouteContext } from '../../../src/routes/route-context.ts';
import { both, contextOf, prepared, shop, slices } from '../../fixtures/routes.ts';
import { type Clusters, plan } from '../../fixtures/two-clusters.ts';
import { inFakeTime } from '../../support/fake-time.ts';

/** Somebody else's move of the same pod, planned at the same time. */
async function second(clusters: Clusters): Promise<RouteContext> {
  const context = contextOf(clusters, await plan(clusters));
  return { ...context, plan: { ...context.plan, id: 'm-second' } };
}

describe('two moves of one pod', () => {
  it('the later one stops before it writes, with the name of the other', async () => {
    const clusters = shop();
    const late = await second(clusters);
    await prepared(clusters);
    const was = both(clusters);
    await expect(captureRoutes(late)).rejects.toMatchObject({
      code: 'F315',
      outcome: 'failed',
      detail: expect.stringMatching(/shop\/cart of east.*"app":"cart".*migration m-test/),
    });
    expect(both(clusters)).toEqual(was);
  });

  it('and the way back of the later one leaves the first one’s work alone', async () => {
    const clusters = shop();
    const late = await second(clusters);
    const before = await captureRoutes(late);
    const { context, before: first } = await prepared(clusters);
    const was = both(clusters);
    await expect(inFakeTime(() => prepareRoutes(late))).rejects.toMatchObject({ code: 'F318' });
    await inFakeTime(() => revertRoutes(late, before));
    expect(both(clusters)).toEqual(was);
    await inFakeTime(() => revertRoutes(context, first));
    expect(clusters.east.peek<Service>(RESOURCES.service, 'shop', 'cart')?.spec.selector).toEqual({ app: 'cart' });
    expect(slices(clusters, true)).toEqual([]);
  });

  it.each<readonly [string, Record<string, string> | undefined]>([
    ['another selector', { app: 'other' }],
    ['none', undefined],
  ])('a service with %s since the planning is not rerouted', async (_name, selector) => {
    const clusters = shop();
    const context = contextOf(clusters, await plan(clusters));
    const before = await captureRoutes(context);
    clusters.east.change<Service>(RESOURCES.service, 'shop', 'cart', ({ spec }) => {
      delete spec.selector;
      if (selector) spec.selector = selector;
    });
    await expect(captureRoutes(context)).rejects.toMatchObject({ code: 'F315' });
    await expect(inFakeTime(() => prepareRoutes(context))).rejects.toMatchObject({ code: 'F315' });
    await inFakeTime(() => revertRoutes(context, before));
    expect(clusters.east.peek<Service>(RESOURCES.service, 'shop', 'cart')?.spec.selector).toEqual(selector);
    expect(slices(clusters, true)).toEqual([]);
    expect(clusters.west.peek(RESOURCES.service, 'shop', 'cart')).toBeUndefined();
  });

  it('a change in the last moment is noticed by the API server', async () => {
    const clusters = shop();
    const context = contextOf(clusters, await plan(clusters));
    const conflict = { kind: 'status', code: 409 } as const;
    const when = ({ method, path }: { method: string; path: string }) =>
      method === 'PATCH' && path.endsWith('/services/cart');
    clusters.east.faults.add({ when, fault: conflict });
    await expect(inFakeTime(() => prepareRoutes(context))).rejects.toMatchObject({ code: 'F315' });
    const [taken] = clusters.east.calls.filter(when);
    expect(taken?.body).toMatchObject({ metadata: { resourceVersion: expect.any(String) } });
  });
});

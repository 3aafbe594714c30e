import { describe, expect, it } from 'vitest';
import { MIGRATION_ANNOTATION } from '../../../src/domain/names.ts';
import type { EndpointSlice, Service } from '../../../src/kube/objects.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { captureRoutes, prepareRoutes, revertRoutes, switchRoutes } from '../../../src/routes/endpoints-route.ts';
import { serviceForTarget } from '../../../src/routes/manifests.ts';
import { SELECTOR_ANNOTATION } from '../../../src/routes/service-facts.ts';
import { service, slice } from '../../fixtures/objects.ts';
import { both, contextOf, podAt, prepared, shop, slices } from '../../fixtures/routes.ts';
import { contents, plan, twoClusters } from '../../fixtures/two-clusters.ts';
import { inFakeTime } from '../../support/fake-time.ts';

function addresses(all: readonly EndpointSlice[]): string[] {
  return all.flatMap((each) => (each.endpoints ?? []).flatMap((endpoint) => endpoint.addresses)).toSorted();
}

/** A target pod of these addresses. */
function at(addresses: readonly string[]) {
  return { uid: 'u-target', addresses, node: 'west-1' };
}

describe('preparing', () => {
  it('hangs the service on own slices that still lead to the source and its siblings', async () => {
    const clusters = shop();
    const { own } = await prepared(clusters);
    expect(own).toHaveLength(1);
    expect(addresses(slices(clusters, false))).toEqual([]);
    expect(addresses(slices(clusters, true))).toEqual(['10.1.0.5', '10.1.0.6']);
    const cart = clusters.east.peek<Service>(RESOURCES.service, 'shop', 'cart');
    expect(cart?.spec.selector).toBeUndefined();
    expect(JSON.parse(cart?.metadata.annotations?.[SELECTOR_ANNOTATION] ?? '')).toEqual({ app: 'cart' });
  });

  it('deletes no slice of the controller, which would wait for one that it has not seen yet', async () => {
    const clusters = shop();
    const were = slices(clusters, false).map(({ metadata }) => metadata.uid);
    const { context, before } = await prepared(clusters);
    expect(slices(clusters, false).map(({ metadata }) => metadata.uid)).toEqual(were);
    await inFakeTime(() => revertRoutes(context, before));
    expect(slices(clusters, false).map(({ metadata }) => metadata.uid)).toEqual(were);
    expect(addresses(slices(clusters, false))).toEqual(['10.1.0.5', '10.1.0.6']);
  });

  it('keeps core Endpoints from being mirrored before the selector goes', async () => {
    const clusters = shop();
    await prepared(clusters);
    const patches = clusters.east.calls.filter(({ method }) => method === 'PATCH').map(({ path }) => path);
    expect(patches[0]).toMatch(/endpoints\/cart$/);
    expect(patches.findIndex((path) => path.endsWith('/services/cart'))).toBeGreaterThan(0);
    expect(clusters.east.peek(RESOURCES.endpoints, 'shop', 'cart')?.metadata.labels).toEqual({
      'endpointslice.kubernetes.io/skip-mirror': 'true',
    });
  });

  it('makes the service in the target, and leaves one alone that selects the pod', async () => {
    const missing = shop();
    await prepared(missing);
    const made = missing.west.peek<Service>(RESOURCES.service, 'shop', 'cart');
    expect(made?.spec).toEqual({ selector: { app: 'cart' }, ports: [{ port: 80, targetPort: 8080 }] });
    const there = twoClusters({ services: [service('cart')], inTarget: [service('cart')] });
    const was = contents(there.west);
    await prepared(there);
    expect(contents(there.west)).toEqual(was);
  });

  it('leads every service of the pod and no other', async () => {
    const other = service('other', { selector: { app: 'other' } });
    const clusters = shop([service('cart'), service('cart-admin'), other]);
    const { own } = await prepared(clusters);
    expect(own.map(({ name }) => name).toSorted()).toEqual(['cart-admin-migrate-0', 'cart-migrate-0']);
    expect(clusters.east.peek<Service>(RESOURCES.service, 'shop', 'other')?.spec.selector).toEqual({ app: 'other' });
  });

  it('leaves slices that do not lead to the pod to the controller, which keeps them', async () => {
    const clusters = shop();
    clusters.east.seed(RESOURCES.endpointSlice, slice('cart-far', 'cart', [podAt('cart-2', '10.1.0.7')]));
    await prepared(clusters);
    const kept = slices(clusters, false).filter(({ endpoints }) => endpoints?.length);
    expect(kept.map(({ metadata }) => metadata.name)).toEqual(['cart-far']);
    expect(addresses(slices(clusters, true))).toEqual(['10.1.0.5', '10.1.0.6']);
  });

  it('ends when it is told to', async () => {
    const clusters = shop();
    const made = await plan(clusters);
    const context = contextOf(clusters, made, AbortSignal.abort(new Error('enough')));
    await expect(inFakeTime(() => prepareRoutes(context))).rejects.toThrow();
  });
});

describe('switching', () => {
  it('replaces the source pod by the target’s address and leaves siblings as they are', async () => {
    const clusters = shop();
    const { context, own } = await prepared(clusters);
    const sibling = own[0]?.endpoints.find(({ addresses: [address] }) => address === '10.1.0.6');
    await switchRoutes(context, own, at(['10.2.0.9', 'fd00::9']));
    const [mine] = slices(clusters, true);
    expect(addresses(slices(clusters, true))).toEqual(['10.1.0.6', '10.2.0.9']);
    expect(mine?.endpoints).toContainEqual(sibling);
    expect(mine?.endpoints).toContainEqual({
      addresses: ['10.2.0.9'],
      conditions: { ready: true, serving: true, terminating: false },
    });
  });

  it('leaves out a family of addresses that the target does not have', async () => {
    const clusters = shop();
    const { context, own } = await prepared(clusters);
    await switchRoutes(context, own, at(['fd00::9']));
    expect(addresses(slices(clusters, true))).toEqual(['10.1.0.6']);
  });

  it('is one write for each slice, and the same again when it is repeated', async () => {
    const clusters = shop();
    const { context, own } = await prepared(clusters);
    const calls = clusters.east.calls.length;
    await switchRoutes(context, own, at(['10.2.0.9']));
    expect(clusters.east.calls.length - calls).toBe(1);
    const was = both(clusters);
    await switchRoutes(context, own, at(['10.2.0.9']));
    expect(both(clusters)).toEqual(was);
  });
});

describe('the way back', () => {
  it('ends with both clusters as they were, and may be gone twice', async () => {
    const clusters = shop([service('cart'), service('cart-admin')]);
    const was = both(clusters);
    const { context, before } = await prepared(clusters);
    expect(both(clusters)).not.toEqual(was);
    await inFakeTime(() => revertRoutes(context, before));
    expect(both(clusters)).toEqual(was);
    await inFakeTime(() => revertRoutes(context, before));
    expect(both(clusters)).toEqual(was);
  });

  it('leaves a service with the mark of the earlier move that made it', async () => {
    const clusters = shop([service('cart', {}, { annotations: { [MIGRATION_ANNOTATION]: 'm-abc234' } })]);
    const was = both(clusters);
    const { context, before } = await prepared(clusters);
    await inFakeTime(() => revertRoutes(context, before));
    expect(both(clusters)).toEqual(was);
  });

  it.each([1, 2, 3, 4, 5])('is right after the writing stopped at write %d', async (from) => {
    const clusters = shop();
    const was = both(clusters);
    const context = contextOf(clusters, await plan(clusters));
    const before = await captureRoutes(context);
    const when = ({ method }: { method: string }) => method !== 'GET';
    const fault = { kind: 'status', code: 422 } as const;
    clusters.east.faults.add({ when, fault, from, times: 1000 });
    await inFakeTime(() => prepareRoutes(context)).catch(() => undefined);
    clusters.east.faults.clear();
    await inFakeTime(() => revertRoutes(context, before));
    expect(both(clusters)).toEqual(was);
  });

  it('passes over a service that was removed meanwhile', async () => {
    const clusters = shop();
    const { context, before } = await prepared(clusters);
    clusters.east.remove(RESOURCES.service, 'shop', 'cart');
    await inFakeTime(() => revertRoutes(context, before));
    expect(clusters.west.peek(RESOURCES.service, 'shop', 'cart')).toBeUndefined();
    expect(slices(clusters, true)).toEqual([]);
  });
});

describe('a service for the target', () => {
  it('loses what belongs to one cluster', () => {
    const made = serviceForTarget(
      service(
        'cart',
        {
          type: 'NodePort',
          clusterIPs: ['10.96.0.7'],
          ipFamilies: ['IPv4'],
          healthCheckNodePort: 1,
          ports: [{ name: 'http', port: 80, targetPort: 'http', nodePort: 30080 }],
        },
        { uid: 'u', resourceVersion: '1', labels: { team: 'shop' } },
      ),
      'other',
      'm-test',
    );
    expect(made.metadata).toEqual({
      name: 'cart',
      namespace: 'other',
      labels: { team: 'shop' },
      annotations: { [MIGRATION_ANNOTATION]: 'm-test' },
    });
    expect(made.spec).toEqual({
      type: 'NodePort',
      selector: { app: 'cart' },
      ports: [{ name: 'http', port: 80, targetPort: 'http' }],
    });
  });

  it('stays headless', () => {
    expect(serviceForTarget(service('cart', { clusterIP: 'None' }), 'shop', 'm-test').spec.clusterIP).toBe('None');
  });
});

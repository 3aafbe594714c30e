import { describe, expect, it } from 'vitest';
import { MIGRATION_ANNOTATION } from '../../../src/domain/names.ts';
import type { EndpointSlice, Pod, Service } from '../../../src/kube/objects.ts';
import { planRoutes } from '../../../src/routes/plan-routes.ts';
import { OURS, SELECTOR_ANNOTATION, servicesOf } from '../../../src/routes/service-facts.ts';
import { runningPod, service, slice } from '../../fixtures/objects.ts';
import { request } from '../../fixtures/two-clusters.ts';

const pod = runningPod();

interface Given {
  readonly services?: readonly Service[];
  readonly slices?: readonly EndpointSlice[];
  readonly inTarget?: readonly Service[];
  readonly slicesInTarget?: readonly EndpointSlice[];
}

function routes(given: Given, of: Pod = pod, parts: Parameters<typeof request>[0] = {}) {
  const { services = [service('cart')], slices = [slice('cart-abc', 'cart', [pod])] } = given;
  const { inTarget = [], slicesInTarget = [] } = given;
  const facts = servicesOf(of, services, slices, { services: inTarget, slices: slicesInTarget });
  return planRoutes(request(parts), of, facts, {
    contexts: { source: 'east', target: 'west' },
    onePlace: false,
  });
}

function codes({ findings }: ReturnType<typeof routes>): string[] {
  return findings.map(({ code }) => code);
}

function taken(selector: Record<string, string>): Service {
  const { selector: _none, ...spec } = service('cart').spec;
  const annotations = { [SELECTOR_ANNOTATION]: JSON.stringify(selector) };
  return { ...service('cart', {}, { annotations }), spec };
}

describe('services of a pod', () => {
  it('are those whose selector matches all of it, or that have an endpoint of it', () => {
    const services = [
      service('both', { selector: { app: 'cart' } }),
      service('more', { selector: { app: 'cart', tier: 'web' } }),
      service('empty', { selector: {} }),
      service('by-hand', { selector: {} }),
    ];
    const facts = servicesOf(pod, services, [slice('x', 'by-hand', [pod])], { services: [], slices: [] });
    expect(facts.map(({ service: { metadata } }) => metadata.name)).toEqual(['both', 'by-hand']);
  });

  it('know an endpoint without reference by its address', () => {
    const byAddress = slice('x', 'by-hand', [pod]);
    byAddress.endpoints = [{ addresses: ['10.1.0.5'] }];
    const other = slice('y', 'other', [pod]);
    other.endpoints = [{ addresses: ['10.1.0.5'], targetRef: { uid: 'somebody else' } }];
    const services = [service('by-hand', { selector: {} }), service('other', { selector: {} })];
    const facts = servicesOf(pod, services, [byAddress, other], { services: [], slices: [] });
    expect(facts.map(({ service: { metadata } }) => metadata.name)).toEqual(['by-hand']);
  });
});

describe('a route', () => {
  it('replaces each slice that leads to the pod, and makes the service in the target', () => {
    const other = runningPod({ name: 'cart-9' });
    const slices = [slice('a', 'cart', [pod, other]), slice('b', 'cart', [other]), slice('c', 'cart', [pod])];
    const { routes: planned, findings } = routes({ slices });
    expect(findings).toEqual([]);
    expect(planned).toEqual([
      {
        service: 'cart',
        selector: { app: 'cart' },
        slices: [
          { replaces: 'a', own: 'cart-migrate-0' },
          { replaces: 'c', own: 'cart-migrate-1' },
        ],
        inTarget: 'create',
        ownInSource: [],
        ownInTarget: [],
        selectorInTarget: {},
      },
    ]);
  });

  it('keeps a service of the target that selects the pod', () => {
    expect(routes({ inTarget: [service('cart')] }).routes).toMatchObject([{ inTarget: 'keep' }]);
  });

  it('gives back the selector that an earlier move took', () => {
    const ours = slice('cart-migrate-0', 'cart', [], OURS);
    const given = { inTarget: [taken({ app: 'cart' })], slicesInTarget: [ours] };
    expect(routes(given).routes).toMatchObject([
      { inTarget: 'restore', ownInTarget: ['cart-migrate-0'], selectorInTarget: { app: 'cart' } },
    ]);
  });
});

describe('E161', () => {
  it.each<readonly [string, Service]>([
    ['selects other pods', service('cart', { selector: { app: 'other' } })],
    ['selects nothing', service('cart', { selector: {} })],
    ['had a selector for other pods taken away', taken({ app: 'other' })],
    [
      'has an annotation that is not ours',
      service(
        'cart',
        { selector: {} },
        {
          annotations: { [SELECTOR_ANNOTATION]: 'app=cart' },
        },
      ),
    ],
  ])('for a service of the target that %s', (_name, inTarget) => {
    const planned = routes({ inTarget: [inTarget] });
    expect(codes(planned)).toEqual(['E161']);
    expect(planned.findings[0]).toMatchObject({
      field: 'spec.selector',
      remedy: expect.stringContaining('--route none'),
    });
  });
});

describe('E162', () => {
  it.each<readonly [string, Given, string]>([
    [
      'internalTrafficPolicy: Local',
      { services: [service('cart', { internalTrafficPolicy: 'Local' })] },
      'spec.internalTrafficPolicy',
    ],
    [
      'externalTrafficPolicy: Local',
      { services: [service('cart', { externalTrafficPolicy: 'Local' })] },
      'spec.externalTrafficPolicy',
    ],
    ['endpoints written by hand', { services: [service('cart', { selector: {} })] }, 'spec.selector'],
    [
      'slices of another controller',
      { slices: [slice('a', 'cart', [pod]), slice('b', 'cart', [pod], 'example.com/mesh')] },
      'metadata.labels',
    ],
  ])('for a service with %s', (_name, given, field) => {
    const planned = routes(given);
    expect(codes(planned)).toEqual(['E162']);
    expect(planned.findings[0]).toMatchObject({ severity: 'error', field });
    expect(planned.routes).toEqual([]);
  });
});

describe('E162 for what an earlier move left', () => {
  const marked = { [MIGRATION_ANNOTATION]: 'm-old' };

  function own(pods: readonly Pod[]): EndpointSlice {
    const made = slice('cart-migrate-0', 'cart', pods, OURS);
    return { ...made, metadata: { ...made.metadata, annotations: marked } };
  }

  it('names the migration and the commands that give the service back', () => {
    const service = taken({ app: 'cart' });
    Object.assign(service.metadata.annotations ?? {}, marked);
    const planned = routes({ services: [service], slices: [own([pod])] });
    expect(codes(planned)).toEqual(['E162']);
    expect(planned.findings[0]?.what).toBe(
      'service shop/cart of east is held by migration m-old, which has not finished',
    );
    expect(planned.findings[0]?.why).toContain(SELECTOR_ANNOTATION);
    const words = planned.findings[0]?.remedy ?? '';
    const [, patch = ''] =
      /kubectl --context east -n shop patch service cart --type merge -p '(.*?)' &&/.exec(words) ?? [];
    expect(JSON.parse(patch)).toEqual({
      metadata: { annotations: { [SELECTOR_ANNOTATION]: null, [MIGRATION_ANNOTATION]: null } },
      spec: { selector: { app: 'cart' } },
    });
    expect(words).toContain('label endpoints cart endpointslice.kubernetes.io/skip-mirror-');
    expect(words).toMatch(/delete endpointslices -l .*service-name=cart,.*managed-by=kubectl-migrate\.io/);
  });

  it('leaves a selector alone that was not taken yet', () => {
    const planned = routes({ slices: [slice('cart-abc', 'cart', [pod]), own([pod])] });
    expect(codes(planned)).toEqual(['E162']);
    expect(planned.findings[0]).toMatchObject({ what: expect.stringContaining('m-old'), field: 'metadata.labels' });
    expect(planned.findings[0]?.remedy).not.toContain('patch service');
  });

  it('is not said of a service that a finished move of another pod has rerouted: its slice is used again', () => {
    const switched = own([pod]);
    switched.endpoints?.push({ addresses: ['10.2.0.9'] });
    const planned = routes({ services: [taken({ app: 'cart' })], slices: [switched] });
    expect(planned.findings).toEqual([]);
    expect(planned.routes).toMatchObject([
      { selector: { app: 'cart' }, ownInSource: [switched.metadata.name], slices: [] },
    ]);
  });

  it.each([
    ['is empty, as that move has left it', [], []],
    ['leads somewhere', [pod], ['E162']],
  ])('where the controller’s slice %s', (_what, pods, found) => {
    const switched = own([pod]);
    switched.endpoints?.push({ addresses: ['10.2.0.9'] });
    const given = { services: [taken({ app: 'cart' })], slices: [switched, slice('cart-abc', 'cart', pods)] };
    expect(codes(routes(given))).toEqual(found);
  });
});

describe('--route none', () => {
  it('plans no route and says which services stay behind', () => {
    const services = [service('cart'), service('cart-admin', { internalTrafficPolicy: 'Local' })];
    const planned = routes({ services }, pod, { route: 'none' });
    expect(planned.routes).toEqual([]);
    expect(planned.findings).toMatchObject([
      { code: 'W202', severity: 'warning', what: expect.stringContaining('cart, cart-admin') },
    ]);
  });

  it('says nothing where there is no service', () => {
    expect(routes({ services: [] }, pod, { route: 'none' }).findings).toEqual([]);
  });
});

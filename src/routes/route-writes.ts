import type { Effect } from '../domain/effect.ts';
import type { Json } from '../domain/json.ts';
import { MIGRATION_ANNOTATION } from '../domain/names.ts';
import type { Plan, PlannedRoute } from '../domain/plan.ts';
import type { ObjectRef, Side } from '../domain/refs.ts';
import { type Write, writeOf } from '../domain/write.ts';
import type { EndpointSlice, KubeObject, Service } from '../kube/objects.ts';
import type { Resource } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { EMPTIED, ownSlice, serviceForTarget } from './manifests.ts';
import type { RouteContext } from './route-context.ts';
import { SELECTOR_ANNOTATION, SKIP_MIRROR_LABEL } from './service-facts.ts';

/** What it takes to look at both clusters. */
type Reading = Pick<RouteContext, 'plan' | 'source' | 'target' | 'signal'>;

/** What leading the Services to the target will write, as far as it can be read today. Read-only. */
export async function routeWrites(readers: Reading): Promise<Write[]> {
  const all = await Promise.all(readers.plan.route.services.map((route) => writesOfRoute(readers, route)));
  return all.flat();
}

async function writesOfRoute(readers: Reading, route: PlannedRoute): Promise<Write[]> {
  const all = await Promise.all([
    writesOfPreparing(readers, route),
    writesOfSwitch(readers, route),
    writesOfRestoring(readers, route),
  ]);
  return all.flat().filter((each) => each !== undefined);
}

async function writesOfPreparing(readers: Reading, route: PlannedRoute) {
  const { plan } = readers;
  const name = route.service;
  const service = await get<Service>(readers, RESOURCES.service, name);
  const endpoints = await get(readers, RESOURCES.endpoints, name);
  const slices = await Promise.all(
    route.slices.map(async ({ replaces, own }) => {
      const slice = await get<EndpointSlice>(readers, RESOURCES.endpointSlice, replaces);
      return (
        slice &&
        write(plan, 'create', 'source', RESOURCES.endpointSlice, own, {
          form: 'object',
          body: ownSlice(slice, own, plan.id),
        })
      );
    }),
  );
  const annotations = { [SELECTOR_ANNOTATION]: JSON.stringify(route.selector), [MIGRATION_ANNOTATION]: plan.id };
  const inTarget =
    service && route.inTarget === 'create' ? serviceForTarget(service, plan.target.namespace, plan.id) : undefined;
  return [
    inTarget && write(plan, 'create', 'target', RESOURCES.service, name, { form: 'object', body: inTarget }),
    ...slices,
    endpoints &&
      write(plan, 'patch', 'source', RESOURCES.endpoints, name, {
        form: 'merge',
        body: { metadata: { labels: { [SKIP_MIRROR_LABEL]: 'true' } } },
      }),
    service &&
      write(plan, 'patch', 'source', RESOURCES.service, name, {
        form: 'merge',
        body: { metadata: { annotations }, spec: { selector: null } },
      }),
    ...route.slices.map(({ replaces }) =>
      write(plan, 'patch', 'source', RESOURCES.endpointSlice, replaces, { form: 'json', body: EMPTIED }),
    ),
  ];
}

/** Slices that an earlier move left are there already. The target's address is not: theirs of now stands in for it. */
function writesOfSwitch(readers: Reading, { ownInSource, ownInTarget, inTarget }: PlannedRoute) {
  const { plan } = readers;
  const places = [
    ...ownInSource.map((name) => ({ side: 'source', name }) as const),
    ...(inTarget === 'same' ? [] : ownInTarget).map((name) => ({ side: 'target', name }) as const),
  ];
  return Promise.all(
    places.map(async ({ side, name }) => {
      const slice = await get<EndpointSlice>(readers, RESOURCES.endpointSlice, name, side);
      const body = [{ op: 'replace', path: '/endpoints', value: slice?.endpoints ?? [] }];
      const content = { form: 'json', body, standIn: 'the addresses of now for that of the target pod' } as const;
      return slice && write(plan, 'patch', side, RESOURCES.endpointSlice, name, content);
    }),
  );
}

/** What a Service of the target gets back when the pod is there. */
async function writesOfRestoring(readers: Reading, { service, inTarget, selectorInTarget }: PlannedRoute) {
  if (inTarget !== 'restore' && inTarget !== 'same') return [];
  const { plan } = readers;
  const endpoints = await get(readers, RESOURCES.endpoints, service, 'target');
  const annotations = { [SELECTOR_ANNOTATION]: null, [MIGRATION_ANNOTATION]: null };
  const last = { form: 'merge', step: 'finalize' } as const;
  return [
    write(plan, 'patch', 'target', RESOURCES.service, service, {
      ...last,
      body: { metadata: { annotations }, spec: { selector: selectorInTarget } },
    }),
    endpoints &&
      write(plan, 'patch', 'target', RESOURCES.endpoints, service, {
        ...last,
        body: { metadata: { labels: { [SKIP_MIRROR_LABEL]: null } } },
      }),
  ];
}

function get<T extends KubeObject>(
  { signal, ...readers }: Reading,
  resource: Resource,
  name: string,
  side: Side = 'source',
): Promise<T | undefined> {
  return readers[side].get<T>(resource, name, { namespace: readers.plan[side].namespace, signal });
}

interface Content {
  readonly step?: string;
  readonly form?: 'object' | 'merge' | 'json';
  readonly body?: unknown;
  readonly standIn?: string;
}

/** The write of a declared effect; undefined where the plan declares none for the object. */
function write(
  plan: Plan,
  verb: Effect['verb'],
  side: Side,
  { apiVersion, kind }: Resource,
  name: string,
  { step, body, ...content }: Content,
): Write | undefined {
  const object: ObjectRef = { side, apiVersion, kind, namespace: plan[side].namespace, name };
  const which = { verb, object, ...(step !== undefined && { step }) };
  return writeOf(plan, which, { ...content, ...(content.form && { body: body as Json }) });
}

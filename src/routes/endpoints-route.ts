import type { Plan, PlannedRoute } from '../domain/plan.ts';
import type { ObjectRef } from '../domain/refs.ts';
import type { Endpoint, EndpointSlice, Service } from '../kube/objects.ts';
import type { ClusterReader, Gateway, Resource } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { MANAGED_BY_LABEL } from './plan-routes.ts';
import { isEndpointOf } from './service-facts.ts';

const OURS = 'kubectl-migrate.io';
const SERVICE_LABEL = 'kubernetes.io/service-name';
const SKIP_MIRROR_LABEL = 'endpointslice.kubernetes.io/skip-mirror';
/** Keeps the selector that was taken away, for people and for a later move back. */
const SELECTOR_ANNOTATION = `${OURS}/selector`;

/** What rerouting works with. */
export interface RouteContext {
  readonly plan: Plan;
  readonly source: ClusterReader;
  readonly target: ClusterReader;
  readonly gateway: Gateway;
  readonly signal: AbortSignal;
}

/** What was there before, enough to put it back. */
export interface RouteBefore {
  readonly service: string;
  readonly selector: Record<string, string>;
}

/** An own slice as it was made: its endpoints still lead to the source pod. */
export interface OwnSlice {
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
}

/** Reads what the way back needs. Read-only. */
export async function captureRoutes({ plan, source, signal }: RouteContext): Promise<RouteBefore[]> {
  return Promise.all(
    plan.route.services.map(async (route) => {
      const service = await source.get<Service>(RESOURCES.service, route.service, inSource(plan, signal));
      return { service: route.service, selector: service?.spec.selector ?? {} };
    }),
  );
}

/**
 * Makes every Service of the source pod hang on slices of our own that still lead to the source pod, so that the
 * switch is one small write for each. Order as in the endpoints and endpointslice controllers' behaviour: mark the
 * core Endpoints first, else a mirrored slice with the stale address comes within a second.
 */
export async function prepareRoutes(context: RouteContext): Promise<OwnSlice[]> {
  const own = await Promise.all(context.plan.route.services.map((route) => prepareRoute(context, route)));
  return own.flat();
}

async function prepareRoute(context: RouteContext, route: PlannedRoute): Promise<OwnSlice[]> {
  const { plan, source, gateway, signal } = context;
  if (route.createInTarget) await createTargetService(context, route.service);
  const endpoints = await source.get(RESOURCES.endpoints, route.service, inSource(plan, signal));
  if (endpoints) {
    await gateway.patch(
      sourceObject(plan, RESOURCES.endpoints, route.service),
      'merge',
      { metadata: { labels: { [SKIP_MIRROR_LABEL]: 'true' } } },
      { signal },
    );
  }
  const own: OwnSlice[] = [];
  for (const { replaces, own: name } of route.slices) {
    const slice = await source.get<EndpointSlice>(RESOURCES.endpointSlice, replaces, inSource(plan, signal));
    if (!slice) continue;
    await gateway.create('source', RESOURCES.endpointSlice, ownSlice(slice, name), { signal });
    own.push({ name, endpoints: slice.endpoints ?? [] });
  }
  const selector = (await source.get<Service>(RESOURCES.service, route.service, inSource(plan, signal)))?.spec.selector;
  await gateway.patch(
    sourceObject(plan, RESOURCES.service, route.service),
    'merge',
    { metadata: { annotations: { [SELECTOR_ANNOTATION]: JSON.stringify(selector ?? {}) } }, spec: { selector: null } },
    { signal },
  );
  await removeControllerSlices(context, route);
  return own;
}

/** Idempotent. The controller can bring a slice back once while its view of the Service is stale. */
async function removeControllerSlices({ plan, gateway, signal }: RouteContext, route: PlannedRoute): Promise<void> {
  for (const { replaces } of route.slices) {
    await gateway.delete(sourceObject(plan, RESOURCES.endpointSlice, replaces), { signal });
  }
}

/**
 * The switch: one write for each own slice, the source pod's endpoint replaced by the target pod's addresses; other
 * pods' endpoints stay. Idempotent.
 */
export async function switchRoutes(
  { plan, gateway, signal }: RouteContext,
  own: readonly OwnSlice[],
  addresses: readonly string[],
): Promise<void> {
  await Promise.all(
    own.map(({ name, endpoints }) => {
      const switched = endpoints.map((endpoint) =>
        isEndpointOf(endpoint, plan.source) ? leadTo(addresses, endpoint) : endpoint,
      );
      return gateway.patch(
        sourceObject(plan, RESOURCES.endpointSlice, name),
        'json',
        [{ op: 'replace', path: '/endpoints', value: switched as never }],
        { signal },
      );
    }),
  );
}

/** A pod of another cluster is named by its address alone: reference, node and zone would be looked up here. */
function leadTo(addresses: readonly string[], before: Endpoint): Endpoint {
  const family = before.addresses[0]?.includes(':') ? 6 : 4;
  const { targetRef: _pod, nodeName: _node, zone: _zone, hints: _hints, ...rest } = before;
  const reachable = addresses.filter((address) => address.includes(':') === (family === 6));
  return { ...rest, addresses: reachable, conditions: { ready: true, serving: true, terminating: false } };
}

/** Puts selectors back, waits for the controller's slices, then takes our own away. Idempotent. */
export async function revertRoutes(context: RouteContext, before: readonly RouteBefore[]): Promise<void> {
  const { plan, source, gateway, signal } = context;
  for (const { service, selector } of before) {
    const route = plan.route.services.find((candidate) => candidate.service === service);
    if (!route) continue;
    await gateway.patch(
      sourceObject(plan, RESOURCES.service, service),
      'merge',
      { metadata: { annotations: { [SELECTOR_ANNOTATION]: null } }, spec: { selector } },
      { signal },
    );
    await waitForControllerSlice(context, service);
    for (const { own } of route.slices) {
      await gateway.delete(sourceObject(plan, RESOURCES.endpointSlice, own), { signal });
    }
    if (await source.get(RESOURCES.endpoints, service, inSource(plan, signal))) {
      await gateway.patch(
        sourceObject(plan, RESOURCES.endpoints, service),
        'merge',
        { metadata: { labels: { [SKIP_MIRROR_LABEL]: null } } },
        { signal },
      );
    }
    if (route.createInTarget) await gateway.delete(targetService(plan, service), { signal });
  }
}

async function waitForControllerSlice({ plan, source, signal }: RouteContext, service: string): Promise<void> {
  const labelSelector = `${SERVICE_LABEL}=${service},${MANAGED_BY_LABEL}!=${OURS}`;
  const deadline = Date.now() + plan.deadlines.removeTimeout;
  while (Date.now() < deadline) {
    const slices = await source.list<EndpointSlice>(RESOURCES.endpointSlice, {
      ...inSource(plan, signal),
      labelSelector,
    });
    if (slices.some((slice) => (slice.endpoints ?? []).length > 0)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function ownSlice(slice: EndpointSlice, name: string): EndpointSlice {
  const { labels = {}, namespace } = slice.metadata;
  const { [MANAGED_BY_LABEL]: _controller, ...kept } = labels;
  return {
    apiVersion: slice.apiVersion,
    kind: slice.kind,
    metadata: { name, ...(namespace && { namespace }), labels: { ...kept, [MANAGED_BY_LABEL]: OURS } },
    addressType: slice.addressType,
    endpoints: slice.endpoints ?? [],
    ports: slice.ports ?? [],
  };
}

async function createTargetService({ plan, source, gateway, signal }: RouteContext, name: string): Promise<void> {
  const service = await source.get<Service>(RESOURCES.service, name, inSource(plan, signal));
  if (service)
    await gateway.create('target', RESOURCES.service, serviceForTarget(service, plan.target.namespace), { signal });
}

/** The Service without what belongs to one cluster: addresses, node ports, health check port, status. Pure. */
export function serviceForTarget(service: Service, namespace: string): Service {
  const { clusterIP, clusterIPs: _ips, healthCheckNodePort: _health, ipFamilies: _families, ...spec } = service.spec;
  const ports = (spec.ports ?? []).map(({ nodePort: _nodePort, ...port }) => port);
  const headless = clusterIP === 'None' ? { clusterIP } : {};
  return {
    apiVersion: service.apiVersion,
    kind: service.kind,
    metadata: { name: service.metadata.name, namespace, labels: service.metadata.labels ?? {} },
    spec: { ...spec, ...headless, ports },
  };
}

function inSource(plan: Plan, signal: AbortSignal) {
  return { namespace: plan.source.namespace, signal };
}

function sourceObject(plan: Plan, resource: Resource, name: string): ObjectRef & { resource: Resource } {
  const { apiVersion, kind } = resource;
  return { side: 'source', apiVersion, kind, namespace: plan.source.namespace, name, resource };
}

function targetService(plan: Plan, name: string): ObjectRef & { resource: Resource } {
  const { apiVersion, kind } = RESOURCES.service;
  return { side: 'target', apiVersion, kind, namespace: plan.target.namespace, name, resource: RESOURCES.service };
}

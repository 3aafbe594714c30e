import type { Plan, PlannedRoute } from '../domain/plan.ts';
import type { ObjectRef, Side } from '../domain/refs.ts';
import type { Endpoint, EndpointSlice, Service } from '../kube/objects.ts';
import type { ClusterReader, Gateway, Resource } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { isEndpointOf, MANAGED_BY_LABEL, OURS, SELECTOR_ANNOTATION, SERVICE_LABEL } from './service-facts.ts';

const SKIP_MIRROR_LABEL = 'endpointslice.kubernetes.io/skip-mirror';
/** Between two looks at what the EndpointSlice controller has done, in ms. */
const LOOK_MS = 100;

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

/** A slice of our own as it was made or found: its endpoints still lead to the source pod. */
export interface OwnSlice {
  readonly side: Side;
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
}

/** Reads what the way back needs. Read-only. */
export async function captureRoutes(context: RouteContext): Promise<RouteBefore[]> {
  return Promise.all(
    context.plan.route.services.map(async ({ service }) => {
      const found = await read<Service>(context, 'source', RESOURCES.service, service);
      return { service, selector: found?.spec.selector ?? {} };
    }),
  );
}

/**
 * Makes every Service of the source pod hang on slices of our own that still lead to the source pod, so that the
 * switch is one small write for each. The order follows what the endpoints, endpointslice and endpointslicemirroring
 * controllers do: core Endpoints that are not marked first get a mirrored slice with the stale address within a second.
 */
export async function prepareRoutes(context: RouteContext): Promise<OwnSlice[]> {
  const own = await Promise.all(context.plan.route.services.map((route) => prepareRoute(context, route)));
  return own.flat();
}

async function prepareRoute(context: RouteContext, route: PlannedRoute): Promise<OwnSlice[]> {
  const { plan, gateway, signal } = context;
  const service = await read<Service>(context, 'source', RESOURCES.service, route.service);
  if (!service) return [];
  if (route.inTarget === 'create') {
    await gateway.create('target', RESOURCES.service, serviceForTarget(service, plan.target.namespace), { signal });
  }
  await markEndpoints(context, 'source', route.service, 'true');
  const own: OwnSlice[] = [];
  for (const { replaces, own: name } of route.slices) {
    const slice = await read<EndpointSlice>(context, 'source', RESOURCES.endpointSlice, replaces);
    if (!slice) continue;
    await gateway.create('source', RESOURCES.endpointSlice, ownSlice(slice, name), { signal });
    own.push({ side: 'source', name, endpoints: slice.endpoints ?? [] });
  }
  const taken = JSON.stringify(service.spec.selector ?? {});
  await gateway.patch(
    ref(plan, 'source', RESOURCES.service, route.service),
    'merge',
    { metadata: { annotations: { [SELECTOR_ANNOTATION]: taken } }, spec: { selector: null } },
    { signal },
  );
  await removeReplaced(context, route);
  for (const name of route.ownInTarget) {
    const slice = await read<EndpointSlice>(context, 'target', RESOURCES.endpointSlice, name);
    if (slice) own.push({ side: 'target', name, endpoints: slice.endpoints ?? [] });
  }
  return own;
}

/**
 * Deletes the controller's slices that lead to the pod; one can come back while the controller's view of the Service is
 * stale, so it gets a moment first. Slices that hold other pods only stay as they are.
 */
async function removeReplaced(context: RouteContext, route: PlannedRoute): Promise<void> {
  const { plan, gateway, signal } = context;
  for (let quiet = 0; quiet < 2; ) {
    await pause(signal);
    const slices = await controllerSlices(context, 'source', route.service);
    for (const { replaces } of route.slices) {
      await gateway.delete(ref(plan, 'source', RESOURCES.endpointSlice, replaces), { signal });
    }
    quiet = slices.some((slice) => endpointsOf(slice).some(isSource(plan))) ? 0 : quiet + 1;
  }
}

function endpointsOf(slice: EndpointSlice): readonly Endpoint[] {
  return slice.endpoints ?? [];
}

function isSource(plan: Plan): (endpoint: Endpoint) => boolean {
  return (endpoint) => isEndpointOf(endpoint, plan.source);
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
    own.map(({ side, name, endpoints }) => {
      const gone = isSource(plan);
      const switched = endpoints.flatMap((endpoint) => (gone(endpoint) ? leadTo(addresses, endpoint) : endpoint));
      const change = [{ op: 'replace', path: '/endpoints', value: switched as never }];
      return gateway.patch(ref(plan, side, RESOURCES.endpointSlice, name), 'json', change, { signal });
    }),
  );
}

/**
 * A pod of another cluster is named by its address alone: reference, node and zone would be looked up here. None when the
 * target has no address of that family: an endpoint without one would be refused.
 */
function leadTo(addresses: readonly string[], before: Endpoint): Endpoint[] {
  const isV6 = (address: string | undefined) => address?.includes(':') === true;
  const { targetRef: _pod, nodeName: _node, zone: _zone, hints: _hints, ...rest } = before;
  const reachable = addresses.filter((address) => isV6(address) === isV6(before.addresses[0]));
  if (reachable.length === 0) return [];
  return [{ ...rest, addresses: reachable, conditions: { ready: true, serving: true, terminating: false } }];
}

/** The way back of `prepareRoutes`. Idempotent. */
export async function revertRoutes(context: RouteContext, before: readonly RouteBefore[]): Promise<void> {
  const { plan, gateway, signal } = context;
  for (const { service, selector } of before) {
    const route = plan.route.services.find((candidate) => candidate.service === service);
    if (!route) continue;
    await handBack(context, 'source', { service, selector, own: route.slices.map((slice) => slice.own) });
    if (route.inTarget === 'create') {
      await gateway.delete(ref(plan, 'target', RESOURCES.service, service), { signal });
    }
  }
}

/** Services of the target that an earlier move had rerouted select their pods by themselves again. Idempotent. */
export async function restoreInTarget(context: RouteContext): Promise<void> {
  for (const { service, inTarget, ownInTarget, selectorInTarget } of context.plan.route.services) {
    if (inTarget !== 'restore') continue;
    await handBack(context, 'target', { service, selector: selectorInTarget, own: ownInTarget });
  }
}

interface HandBack {
  readonly service: string;
  readonly selector: Readonly<Record<string, string>>;
  readonly own: readonly string[];
}

/** Selector back, then the controller's slices come, and only then our own go. */
async function handBack(context: RouteContext, side: Side, { service, selector, own }: HandBack): Promise<void> {
  const { plan, gateway, signal } = context;
  if (await read(context, side, RESOURCES.service, service)) {
    const back = { metadata: { annotations: { [SELECTOR_ANNOTATION]: null } }, spec: { selector } };
    await gateway.patch(ref(plan, side, RESOURCES.service, service), 'merge', back, { signal });
    await markEndpoints(context, side, service, null);
    while (!(await controllerTookOver(context, side, service))) await pause(signal);
  }
  for (const name of own) await gateway.delete(ref(plan, side, RESOURCES.endpointSlice, name), { signal });
}

/** Whether the controller's slices lead to the pod, or never will because there is no such pod any more. */
async function controllerTookOver(context: RouteContext, side: Side, service: string): Promise<boolean> {
  const { plan, signal } = context;
  const slices = await controllerSlices(context, side, service);
  const endpoints = slices.flatMap(endpointsOf);
  if (side === 'target') return endpoints.some((endpoint) => endpoint.targetRef?.name === plan.target.pod);
  if (endpoints.some(isSource(plan))) return true;
  const { namespace, pod: name, uid } = plan.source;
  const pod = await context.source.get(RESOURCES.pod, name, { namespace, signal });
  return pod?.metadata.uid !== uid || pod.metadata.deletionTimestamp !== undefined;
}

function controllerSlices(context: RouteContext, side: Side, service: string): Promise<EndpointSlice[]> {
  const { plan, signal } = context;
  const labelSelector = `${SERVICE_LABEL}=${service},${MANAGED_BY_LABEL}!=${OURS}`;
  return context[side].list(RESOURCES.endpointSlice, { namespace: plan[side].namespace, labelSelector, signal });
}

/** Keeps core Endpoints from being mirrored into a slice (`'true'`), or lets them again (null). */
async function markEndpoints(context: RouteContext, side: Side, service: string, mark: 'true' | null): Promise<void> {
  if (!(await read(context, side, RESOURCES.endpoints, service))) return;
  await context.gateway.patch(
    ref(context.plan, side, RESOURCES.endpoints, service),
    'merge',
    { metadata: { labels: { [SKIP_MIRROR_LABEL]: mark } } },
    { signal: context.signal },
  );
}

/** The step's deadline ends the waiting through the signal. */
async function pause(signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}

function ownSlice(slice: EndpointSlice, name: string): EndpointSlice {
  const { labels = {}, namespace } = slice.metadata;
  return {
    apiVersion: slice.apiVersion,
    kind: slice.kind,
    metadata: { name, ...(namespace && { namespace }), labels: { ...labels, [MANAGED_BY_LABEL]: OURS } },
    addressType: slice.addressType,
    endpoints: slice.endpoints ?? [],
    ports: slice.ports ?? [],
  };
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

async function read<T extends Service | EndpointSlice>(
  context: RouteContext,
  side: Side,
  resource: Resource,
  name: string,
): Promise<T | undefined> {
  const { plan, signal } = context;
  return context[side].get<T>(resource, name, { namespace: plan[side].namespace, signal });
}

function ref(plan: Plan, side: Side, resource: Resource, name: string): ObjectRef & { resource: Resource } {
  const { apiVersion, kind } = resource;
  return { side, apiVersion, kind, namespace: plan[side].namespace, name, resource };
}

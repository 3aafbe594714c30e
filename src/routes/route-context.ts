import type { Plan } from '../domain/plan.ts';
import type { ObjectRef, Side } from '../domain/refs.ts';
import type { Endpoint, EndpointSlice, Service } from '../kube/objects.ts';
import type { ClusterReader, Gateway, Resource } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { isEndpointOf, MANAGED_BY_LABEL, OURS, SERVICE_LABEL, SKIP_MIRROR_LABEL } from './service-facts.ts';

/** Between two looks at what the EndpointSlice controller has done, in ms. */
const LOOK_MS = 100;

/** What rerouting works with. */
export interface RouteContext {
  readonly plan: Plan;
  readonly source: ClusterReader;
  readonly target: ClusterReader;
  readonly gateway: Gateway;
  readonly signal: AbortSignal;
  /** Says what is waited for and why it is not there yet. */
  readonly waiting?: (why: string) => void;
}

/** Reads an object of the namespace that the plan names for that side. */
export async function read<T extends Service | EndpointSlice>(
  context: RouteContext,
  side: Side,
  resource: Resource,
  name: string,
): Promise<T | undefined> {
  const { plan, signal } = context;
  return context[side].get<T>(resource, name, { namespace: plan[side].namespace, signal });
}

/** Names an object of the namespace that the plan names for that side. Pure. */
export function ref(plan: Plan, side: Side, resource: Resource, name: string): ObjectRef & { resource: Resource } {
  const { apiVersion, kind } = resource;
  return { side, apiVersion, kind, namespace: plan[side].namespace, name, resource };
}

/** The slices of a Service that are not ours. */
export function controllerSlices(context: RouteContext, side: Side, service: string): Promise<EndpointSlice[]> {
  const { plan, signal } = context;
  const labelSelector = `${SERVICE_LABEL}=${service},${MANAGED_BY_LABEL}!=${OURS}`;
  return context[side].list(RESOURCES.endpointSlice, { namespace: plan[side].namespace, labelSelector, signal });
}

/** A slice's endpoints; the API server sends null for none. Pure. */
export function endpointsOf(slice: EndpointSlice): readonly Endpoint[] {
  return slice.endpoints ?? [];
}

/** Whether an endpoint is the source pod. Pure. */
export function isSource(plan: Plan): (endpoint: Endpoint) => boolean {
  return (endpoint) => isEndpointOf(endpoint, plan.source);
}

/** Keeps core Endpoints from being mirrored into a slice (`'true'`), or lets them again (null). */
export async function markEndpoints(
  context: RouteContext,
  side: Side,
  service: string,
  mark: 'true' | null,
): Promise<void> {
  if (!(await read(context, side, RESOURCES.endpoints, service))) return;
  await context.gateway.patch(
    ref(context.plan, side, RESOURCES.endpoints, service),
    'merge',
    { metadata: { labels: { [SKIP_MIRROR_LABEL]: mark } } },
    { signal: context.signal },
  );
}

/** A moment, by default between two looks. The step's deadline ends the waiting through the signal. */
export async function pause(signal: AbortSignal, ms = LOOK_MS): Promise<void> {
  signal.throwIfAborted();
  await new Promise((resolve) => setTimeout(resolve, ms));
}

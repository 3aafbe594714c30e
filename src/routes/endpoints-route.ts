import { isDeepStrictEqual } from 'node:util';
import { allEnded } from '../domain/all-ended.ts';
import { failureCode, MigrateError } from '../domain/errors.ts';
import { MIGRATION_ANNOTATION } from '../domain/names.ts';
import type { Plan, PlannedRoute } from '../domain/plan.ts';
import type { Side } from '../domain/refs.ts';
import type { Endpoint, EndpointSlice, Service } from '../kube/objects.ts';
import type { Resource } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { EMPTIED, isOf, ownSlice, serviceForTarget } from './manifests.ts';
import {
  controllerSlices,
  endpointsOf,
  isSource,
  markEndpoints,
  pause,
  type RouteContext,
  read,
  ref,
} from './route-context.ts';
import { SELECTOR_ANNOTATION } from './service-facts.ts';

/** The target pod, as the endpoints of a Service name it. */
export interface SwitchedPod {
  readonly uid: string;
  readonly addresses: readonly string[];
  readonly node: string;
}

/** What was there before, enough to put it back. */
export interface RouteBefore {
  readonly service: string;
  readonly selector: Record<string, string>;
  /** The migration whose mark the Service had: an earlier one, which made it. */
  readonly madeBy?: string | undefined;
}

/** A slice of our own as it was made or found: its endpoints still lead to the source pod. */
export interface OwnSlice {
  readonly side: Side;
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
}

/** Reads what the way back needs. Read-only. Throws F315 for a Service that somebody else has rerouted since. */
export async function captureRoutes(context: RouteContext): Promise<RouteBefore[]> {
  const { plan } = context;
  return Promise.all(
    plan.route.services.map(async (route) => {
      const found = await read<Service>(context, 'source', RESOURCES.service, route.service);
      if (found && route.ownInSource.length === 0) checkSelector(plan, route, found);
      const madeBy = found?.metadata.annotations?.[MIGRATION_ANNOTATION];
      return { service: route.service, selector: { ...route.selector }, ...(madeBy !== undefined && { madeBy }) };
    }),
  );
}

/** Another move may be rerouting it: its selector must not be taken for the one to put back. */
function checkSelector({ source }: Plan, { service, selector }: PlannedRoute, found: Service): void {
  const now = found.spec.selector ?? {};
  if (isDeepStrictEqual(now, selector) && Object.keys(now).length > 0) return;
  const other = found.metadata.annotations?.[MIGRATION_ANNOTATION];
  const by = other === undefined ? 'somebody' : `migration ${other}`;
  throw new MigrateError('F315', {
    detail: `service ${source.namespace}/${service} of ${source.context} had the selector ${JSON.stringify(selector)} when the plan was made, and has ${JSON.stringify(now)} now: ${by} has changed it`,
    remedy: 'wait until nobody else reroutes it, and try again',
    outcome: 'failed',
  });
}

/**
 * Makes every Service of the source pod hang on slices of our own that still lead to the source pod, so that the
 * switch is one small write for each. The order follows what the endpoints, endpointslice and endpointslicemirroring
 * controllers do: core Endpoints that are not marked first get a mirrored slice with the stale address within a second.
 */
export async function prepareRoutes(context: RouteContext): Promise<OwnSlice[]> {
  // The way back must not meet one that is still writing.
  const own = await allEnded(context.plan.route.services.map((route) => prepareRoute(context, route)));
  return own.flat();
}

async function prepareRoute(context: RouteContext, route: PlannedRoute): Promise<OwnSlice[]> {
  const { plan, gateway, signal } = context;
  const service = await read<Service>(context, 'source', RESOURCES.service, route.service);
  if (!service) return [];
  if (route.inTarget === 'create') {
    const made = serviceForTarget(service, plan.target.namespace, plan.id);
    await gateway.create('target', RESOURCES.service, made, { signal });
  }
  if (route.ownInSource.length > 0) return leftByOthers(context, route);
  // The slices come first because there can be only one of a name: a second move of the pod ends here.
  const own: OwnSlice[] = [];
  for (const { replaces, own: name } of route.slices) {
    const slice = await read<EndpointSlice>(context, 'source', RESOURCES.endpointSlice, replaces);
    if (!slice) continue;
    await gateway.create('source', RESOURCES.endpointSlice, ownSlice(slice, name, plan.id), { signal });
    own.push({ side: 'source', name, endpoints: slice.endpoints ?? [] });
  }
  await markEndpoints(context, 'source', route.service, 'true');
  await takeSelector(context, route);
  await emptyReplaced(context, route);
  const left = route.inTarget === 'same' ? [] : await leftByOthers(context, route);
  return [...own, ...left];
}

/** Slices of our own that earlier moves left in either cluster: there is nothing to prepare about them. */
async function leftByOthers(context: RouteContext, { ownInSource, ownInTarget }: PlannedRoute): Promise<OwnSlice[]> {
  const places = [
    ...ownInSource.map((name) => ({ side: 'source', name }) as const),
    ...ownInTarget.map((name) => ({ side: 'target', name }) as const),
  ];
  const found = await Promise.all(
    places.map(async ({ side, name }) => {
      const slice = await read<EndpointSlice>(context, side, RESOURCES.endpointSlice, name);
      return slice ? [{ side, name, endpoints: slice.endpoints ?? [] }] : [];
    }),
  );
  return found.flat();
}

/** Takes exactly the selector that was looked at: the API server refuses the write if the Service has changed since. */
async function takeSelector(context: RouteContext, route: PlannedRoute): Promise<void> {
  const { plan, gateway, signal } = context;
  const service = await read<Service>(context, 'source', RESOURCES.service, route.service);
  if (!service) return;
  checkSelector(plan, route, service);
  const annotations = { [SELECTOR_ANNOTATION]: JSON.stringify(route.selector), [MIGRATION_ANNOTATION]: plan.id };
  const { resourceVersion } = service.metadata;
  await gateway.patch(
    ref(plan, 'source', RESOURCES.service, route.service),
    'merge',
    { metadata: { annotations, ...(resourceVersion !== undefined && { resourceVersion }) }, spec: { selector: null } },
    { signal },
  );
}

/**
 * Empties the controller's slices that lead to the pod; one can be filled again while the controller's view of the Service
 * is stale, so it gets a moment first. Slices that hold other pods only stay as they are. None is deleted: a controller
 * that hears of a deletion before it has taken note of its own last write, or only after an outage of the API server, waits
 * for that slice forever, and the Service gets no other one (StaleSlices of k8s.io/endpointslice; kubernetes #141592).
 */
async function emptyReplaced(context: RouteContext, route: PlannedRoute): Promise<void> {
  const { plan, gateway, signal } = context;
  for (let quiet = 0; quiet < 2; ) {
    await pause(signal);
    const slices = await controllerSlices(context, 'source', route.service);
    for (const { replaces } of route.slices) {
      if (!slices.some(({ metadata, endpoints }) => metadata.name === replaces && endpoints?.length)) continue;
      try {
        await gateway.patch(ref(plan, 'source', RESOURCES.endpointSlice, replaces), 'json', EMPTIED, { signal });
      } catch (error) {
        // Its controller may remove it at any time.
        if (failureCode(error) !== 'F314') throw error;
      }
    }
    quiet = slices.some((slice) => endpointsOf(slice).some(isSource(plan))) ? 0 : quiet + 1;
  }
}

/**
 * The switch: one write for each own slice, the source pod's endpoint replaced by the target pod's addresses; other
 * pods' endpoints stay. Idempotent.
 */
export async function switchRoutes(
  { plan, gateway, signal }: RouteContext,
  own: readonly OwnSlice[],
  pod: SwitchedPod,
): Promise<void> {
  await Promise.all(
    own.map(({ side, name, endpoints }) => {
      const gone = isSource(plan);
      const known = side === 'target' || plan.oneCluster ? referenceTo(plan, pod) : {};
      const switched = endpoints.flatMap((endpoint) =>
        gone(endpoint) ? leadTo(pod.addresses, endpoint, known) : endpoint,
      );
      const change = [{ op: 'replace', path: '/endpoints', value: switched as never }];
      return gateway.patch(ref(plan, side, RESOURCES.endpointSlice, name), 'json', change, { signal });
    }),
  );
}

/** Back from a hold: slices lead where they led before `switchRoutes`. Those that are gone stay so. Idempotent. */
export async function switchBack(context: RouteContext, own: readonly OwnSlice[]): Promise<void> {
  const { plan, gateway, signal } = context;
  for (const { side, name, endpoints } of own) {
    if (!(await read(context, side, RESOURCES.endpointSlice, name))) continue;
    const change = [{ op: 'replace', path: '/endpoints', value: endpoints as never }];
    await gateway.patch(ref(plan, side, RESOURCES.endpointSlice, name), 'json', change, { signal });
  }
}

/**
 * A pod of another cluster is named by its address alone: reference, node and zone would be looked up here. None when the
 * target has no address of that family: an endpoint without one would be refused.
 */
function leadTo(addresses: readonly string[], before: Endpoint, reference: Partial<Endpoint>): Endpoint[] {
  const isV6 = (address: string | undefined) => address?.includes(':') === true;
  const { targetRef: _pod, nodeName: _node, zone: _zone, hints: _hints, ...rest } = before;
  const reachable = addresses.filter((address) => isV6(address) === isV6(before.addresses[0]));
  if (reachable.length === 0) return [];
  const conditions = { ready: true, serving: true, terminating: false };
  return [{ ...rest, ...reference, addresses: reachable, conditions }];
}

/** In its own cluster the pod is named, so that a later move tells it from those that are elsewhere. */
function referenceTo({ target }: Plan, { uid, node: nodeName }: SwitchedPod): Partial<Endpoint> {
  const { pod: name, namespace } = target;
  return { targetRef: { kind: 'Pod', name, namespace, uid }, nodeName };
}

/** The way back of `prepareRoutes`: touches only what this migration has made or changed. Idempotent. */
export async function revertRoutes(context: RouteContext, before: readonly RouteBefore[]): Promise<void> {
  const { plan } = context;
  await forEach(before, async (was) => {
    const route = plan.route.services.find((candidate) => candidate.service === was.service);
    if (!route) return;
    if (route.ownInSource.length === 0) await revertRoute(context, route, was);
    if (route.inTarget === 'create') await removeOwn(context, 'target', RESOURCES.service, was.service);
  });
}

/** All at once, each to its end: what one Service waits for must not keep another from what is done for it. */
async function forEach<T>(all: readonly T[], act: (each: T) => Promise<void>): Promise<void> {
  await allEnded(all.map(act));
}

async function revertRoute(context: RouteContext, route: PlannedRoute, { selector, madeBy }: RouteBefore) {
  const { plan } = context;
  const service = await read<Service>(context, 'source', RESOURCES.service, route.service);
  const names = route.slices.map((slice) => slice.own);
  const slices = await Promise.all(
    names.map((name) => read<EndpointSlice>(context, 'source', RESOURCES.endpointSlice, name)),
  );
  const intact = isDeepStrictEqual(service?.spec.selector, selector) && slices.some((slice) => isOf(plan, slice));
  if (isOf(plan, service)) await handBack(context, 'source', { service: route.service, selector, madeBy });
  // Stopped before the selector was taken, or after it was given back.
  else if (intact) await letControllers(context, 'source', route.service);
  for (const name of names) await removeOwn(context, 'source', RESOURCES.endpointSlice, name);
}

/** An object of that name may be another migration's. */
async function removeOwn(context: RouteContext, side: Side, resource: Resource, name: string): Promise<void> {
  const { plan, gateway, signal } = context;
  const found = await read(context, side, resource, name);
  const uid = found?.metadata.uid;
  if (uid === undefined || !isOf(plan, found)) return;
  await gateway.delete(ref(plan, side, resource, name), { signal, uid });
}

/** Services of the target that this move or an earlier one had rerouted select their pods by themselves again. Idempotent. */
export async function restoreInTarget(context: RouteContext): Promise<void> {
  const { plan, gateway, signal } = context;
  await forEach(plan.route.services, async ({ service, inTarget, ownInTarget, selectorInTarget }) => {
    if (inTarget !== 'restore' && inTarget !== 'same') return;
    if (await read(context, 'target', RESOURCES.service, service)) {
      await handBack(context, 'target', { service, selector: selectorInTarget });
    }
    for (const name of ownInTarget) {
      await gateway.delete(ref(plan, 'target', RESOURCES.endpointSlice, name), { signal });
    }
  });
}

/** Selector back, then the controller's slices come; only then may our own go. */
async function handBack(context: RouteContext, side: Side, { service, selector, madeBy }: Readonly<RouteBefore>) {
  const { plan, gateway, signal } = context;
  const annotations = { [SELECTOR_ANNOTATION]: null, [MIGRATION_ANNOTATION]: madeBy ?? null };
  const back = { metadata: { annotations }, spec: { selector } };
  await gateway.patch(ref(plan, side, RESOURCES.service, service), 'merge', back, { signal });
  await letControllers(context, side, service);
}

async function letControllers(context: RouteContext, side: Side, service: string): Promise<void> {
  const { plan, signal, waiting } = context;
  const { namespace, context: cluster } = plan[side];
  const ms = plan.deadlines.removeTimeout;
  const why = `the EndpointSlice controller of ${cluster} leads service ${namespace}/${service} to no such pod yet`;
  await markEndpoints(context, side, service, null);
  for (const end = performance.now() + ms; !(await controllerTookOver(context, side, service)); await pause(signal)) {
    waiting?.(why);
    if (performance.now() < end) continue;
    throw new MigrateError('F320', {
      detail: `${why}, after ${ms / 1000} s; its clients are led by a slice of the move meanwhile`,
      remedy: 'look whether kube-controller-manager works there, or allow more with --remove-timeout',
    });
  }
}

/** Whether the controller's slices lead to the pod, or never will because there is no such pod any more. */
async function controllerTookOver(context: RouteContext, side: Side, service: string): Promise<boolean> {
  const { plan, signal } = context;
  const slices = await controllerSlices(context, side, service);
  const isTarget = ({ targetRef }: Endpoint) => targetRef?.name === plan.target.pod;
  if (slices.flatMap(endpointsOf).some(side === 'target' ? isTarget : isSource(plan))) return true;
  const { namespace, pod: name } = plan[side];
  const pod = await context[side].get(RESOURCES.pod, name, { namespace, signal });
  const isAnother = side === 'source' && pod?.metadata.uid !== plan.source.uid;
  return pod === undefined || isAnother || pod.metadata.deletionTimestamp !== undefined;
}

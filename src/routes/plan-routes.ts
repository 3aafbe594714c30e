import type { Effect } from '../domain/effect.ts';
import type { Finding } from '../domain/finding.ts';
import type { MigrationRequest, PlanDraft, PlannedRoute } from '../domain/plan.ts';
import type { ObjectRef, Side } from '../domain/refs.ts';
import type { Endpoint, EndpointSlice, Pod, Service } from '../kube/objects.ts';
import { podAddresses } from '../kube/pod-status.ts';
import type { Resource } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { leftByMigration } from './leftovers.ts';
import { leadsTo, MANAGED_BY_LABEL, OURS, type ServiceFacts, selects, takenSelector } from './service-facts.ts';

const CONTROLLER = 'endpointslice-controller.k8s.io';

export interface RoutePlan {
  readonly routes: readonly PlannedRoute[];
  readonly findings: readonly Finding[];
}

/** Where the Services are. `onePlace`: source and target are one namespace, and every Service is there once. */
export interface RoutePlaces {
  readonly contexts: Readonly<Record<Side, string>>;
  readonly onePlace: boolean;
}

/** Decides for every Service of the source pod how it will lead to the target, or why it cannot. Pure. */
export function planRoutes(
  request: MigrationRequest,
  pod: Pod,
  services: readonly ServiceFacts[],
  { contexts, onePlace }: RoutePlaces,
): RoutePlan {
  // In one place they find the target by its labels.
  if (request.route === 'none') return { routes: [], findings: onePlace ? [] : notRerouted(services) };
  const findings: Finding[] = [];
  const routes: PlannedRoute[] = [];
  for (const facts of services) {
    const left = leftByMigration(facts, pod, contexts.source);
    const hindered = left.length > 0 ? left : cannotReroute(facts, pod, onePlace);
    const obstacles = [...hindered, ...leadsElsewhere(facts, pod, contexts.target)];
    findings.push(...obstacles);
    if (obstacles.length > 0) continue;
    const name = facts.service.metadata.name;
    const slices = facts.slices.filter((slice) => leadsTo(slice, pod)).map((slice) => slice.metadata.name);
    const taken = takenSelector(facts.service, pod);
    const selector = taken ?? facts.service.spec.selector ?? {};
    const own = (taken ? [] : slices).map((replaces, index) => ({ replaces, own: `${name}-migrate-${index}` }));
    routes.push({
      service: name,
      selector,
      ownInSource: taken ? slices : [],
      slices: own,
      ...(onePlace ? itself(selector, own, taken !== undefined) : inTarget(facts, pod)),
    });
  }
  return { routes, findings };
}

/** Within one place the Service of the target is the one of the source: what is taken from it for the move comes back. Pure. */
function itself(selector: PlannedRoute['selector'], slices: PlannedRoute['slices'], isTaken: boolean) {
  if (isTaken) return { inTarget: 'keep', ownInTarget: [], selectorInTarget: {} } as const;
  return { inTarget: 'same', ownInTarget: slices.map(({ own }) => own), selectorInTarget: selector } as const;
}

function inTarget({ inTarget: service, slicesInTarget }: ServiceFacts, pod: Pod) {
  const selector = service && takenSelector(service, pod);
  const own = slicesInTarget.filter((slice) => slice.metadata.labels?.[MANAGED_BY_LABEL] === OURS);
  if (selector) {
    const stays = own.flatMap((slice) => slice.endpoints ?? []).some((endpoint) => isElsewhere(endpoint, pod));
    return {
      inTarget: stays ? 'keep' : 'restore',
      ownInTarget: own.map((slice) => slice.metadata.name),
      selectorInTarget: stays ? {} : selector,
    } as const;
  }
  return { inTarget: service ? 'keep' : 'create', ownInTarget: [], selectorInTarget: {} } as const;
}

/** A pod of another cluster, which is known by its address alone, and is not the one that comes back. */
function isElsewhere(endpoint: Endpoint, pod: Pod): boolean {
  return endpoint.targetRef === undefined && !endpoint.addresses.some((address) => podAddresses(pod).includes(address));
}

/** An endpoint slice of our own leads to the target pod from then on. */
function switched(slice: ObjectRef): Effect {
  return { step: 'switch', phase: 'switch', verb: 'patch', object: slice, detail: 'source pod -> target pod' };
}

/** The changes that leading a Service to the target consists of, the way back included. Pure. */
export function routeEffects(draft: PlanDraft): Effect[] {
  const { route: chosen, source: from, target } = draft;
  return chosen.services.flatMap((route) => {
    const source = (resource: Resource, name: string) => objectRef('source', resource, from.namespace, name);
    const service = source(RESOURCES.service, route.service);
    const endpoints = source(RESOURCES.endpoints, route.service);
    const there = (resource: Resource, name: string) => objectRef('target', resource, target.namespace, name);
    const inTarget = there(RESOURCES.service, route.service);
    const prepare = { step: 'routes', phase: 'prepare' } as const;
    const effects: Effect[] = [];
    if (route.ownInSource.length === 0) {
      effects.push(
        { ...prepare, verb: 'patch', object: endpoints, detail: 'keep from being mirrored' },
        { ...prepare, verb: 'patch', object: service, detail: 'selector -> own endpoint slice' },
      );
    }
    for (const name of route.ownInSource) {
      const slice = source(RESOURCES.endpointSlice, name);
      effects.push(switched(slice));
    }
    if (route.inTarget === 'create') {
      effects.unshift({ ...prepare, verb: 'create', object: inTarget, detail: 'as in the source' });
      effects.push({ ...prepare, verb: 'delete', object: inTarget, detail: 'way back', undoes: true });
    }
    if (route.inTarget === 'restore' || route.inTarget === 'same') {
      const last = { step: 'finalize', phase: 'finalize' } as const;
      effects.push(
        { ...last, verb: 'patch', object: inTarget, detail: 'its selector back' },
        {
          ...last,
          verb: 'patch',
          object: there(RESOURCES.endpoints, route.service),
          detail: 'as before the move',
        },
      );
    }
    for (const name of route.ownInTarget) {
      const slice = there(RESOURCES.endpointSlice, name);
      const last = { step: 'finalize', phase: 'finalize', verb: 'delete', object: slice } as const;
      if (route.inTarget !== 'same') effects.push(switched(slice));
      if (route.inTarget === 'restore' || route.inTarget === 'same')
        effects.push({ ...last, detail: 'the controller’s own takes over' });
    }
    for (const { replaces, own } of route.slices) {
      const slice = source(RESOURCES.endpointSlice, own);
      const replaced = source(RESOURCES.endpointSlice, replaces);
      effects.push(
        { ...prepare, verb: 'create', object: slice, detail: `same endpoints as ${replaces}` },
        { ...prepare, verb: 'patch', object: replaced, detail: `emptied: ${own} has its endpoints` },
        switched(slice),
        { ...prepare, verb: 'delete', object: slice, detail: 'way back', undoes: true },
      );
    }
    return effects;
  });
}

function objectRef(side: Side, resource: Resource, namespace: string, name: string): ObjectRef {
  return { side, apiVersion: resource.apiVersion, kind: resource.kind, namespace, name };
}

function cannotReroute({ service, slices }: ServiceFacts, pod: Pod, onePlace: boolean): Finding[] {
  const name = `service ${service.metadata.namespace}/${service.metadata.name}`;
  // By the move of another pod, which has ended: see `leftByMigration`.
  const rerouted = takenSelector(service, pod) !== undefined;
  const reasons: [boolean, string, string, string][] = [
    [
      !onePlace && service.spec['internalTrafficPolicy'] === 'Local',
      'keeps traffic on the node (internalTrafficPolicy: Local)',
      'the target pod is on no node of the source cluster',
      'spec.internalTrafficPolicy',
    ],
    [
      !onePlace && service.spec['externalTrafficPolicy'] === 'Local',
      'keeps outside traffic on the node (externalTrafficPolicy: Local)',
      'the target pod is on no node of the source cluster',
      'spec.externalTrafficPolicy',
    ],
    [
      !selects(service, pod) && !rerouted,
      'has no selector that matches the pod, but an endpoint that leads to it',
      'somebody maintains its endpoints and would write them again',
      'spec.selector',
    ],
    [
      slices.some((slice) => !isKept(slice, rerouted)),
      'has endpoint slices that somebody else maintains',
      'they would go on leading to the source pod',
      'metadata.labels',
    ],
  ];
  return reasons
    .filter(([present]) => present)
    .map(([, what, why, field]) => ({
      code: 'E162',
      severity: 'error',
      what: `${name} ${what}`,
      why,
      remedy: 'move with --route none and lead its clients to the target yourself',
      field,
    }));
}

/** Whether a slice is of those that this program knows what becomes of: what a controller had is empty after a move. */
function isKept({ metadata, endpoints }: EndpointSlice, rerouted: boolean): boolean {
  const by = metadata.labels?.[MANAGED_BY_LABEL];
  return rerouted ? by === OURS || (by === CONTROLLER && !endpoints?.length) : by === CONTROLLER;
}

function leadsElsewhere({ service, inTarget }: ServiceFacts, pod: Pod, context: string): Finding[] {
  if (!inTarget || selects(inTarget, pod) || takenSelector(inTarget, pod)) return [];
  return [
    {
      code: 'E161',
      severity: 'error',
      what: `service ${describe(inTarget)} exists in ${context} and does not select the pod`,
      why: `clients there would not reach the pod by the name ${service.metadata.name}`,
      remedy: `make its selector match the pod’s labels, remove it, or move with --route none`,
      field: 'spec.selector',
    },
  ];
}

function describe(service: Service): string {
  return `${service.metadata.namespace}/${service.metadata.name}`;
}

function notRerouted(services: readonly ServiceFacts[]): Finding[] {
  if (services.length === 0) return [];
  const names = services.map(({ service }) => service.metadata.name).join(', ');
  return [
    {
      code: 'W202',
      severity: 'warning',
      what: `these services of the source will lead nowhere after the move: ${names}`,
      why: '--route none leaves them as they are',
      remedy: 'lead their clients to the target yourself, or use --route endpoints',
    },
  ];
}

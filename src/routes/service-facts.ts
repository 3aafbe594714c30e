import { z } from 'zod';
import { parseJson } from '../domain/json.ts';
import type { Endpoint, EndpointSlice, Pod, Service } from '../kube/objects.ts';
import { podAddresses } from '../kube/pod-status.ts';

/** Label by which an EndpointSlice names its Service. */
export const SERVICE_LABEL = 'kubernetes.io/service-name';
/** Label by which an EndpointSlice says who maintains it. */
export const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';
/** Its value on slices of our own. */
export const OURS = 'kubectl-migrate.io';
/** Label by which core Endpoints are kept from being mirrored into a slice. */
export const SKIP_MIRROR_LABEL = 'endpointslice.kubernetes.io/skip-mirror';
/** Annotation on a rerouted Service: the selector that was taken away, for people and for a later move back. */
export const SELECTOR_ANNOTATION = 'kubectl-migrate.io/selector';

/** A Service of the source cluster that leads to the source pod, with all of its slices. */
export interface ServiceFacts {
  readonly service: Service;
  readonly slices: readonly EndpointSlice[];
  /** The Service of the same name in the target cluster, and all of its slices. */
  readonly inTarget: Service | undefined;
  readonly slicesInTarget: readonly EndpointSlice[];
}

/** Picks the Services that lead to the pod, by selector or by an endpoint. Pure. */
export function servicesOf(
  pod: Pod,
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  inTarget: { services: readonly Service[]; slices: readonly EndpointSlice[] },
): ServiceFacts[] {
  return services
    .map((service) => ({
      service,
      slices: slicesOf(service, slices),
      inTarget: inTarget.services.find((candidate) => candidate.metadata.name === service.metadata.name),
      slicesInTarget: slicesOf(service, inTarget.slices),
    }))
    .filter(({ service, slices: own }) => selects(service, pod) || own.some((slice) => leadsTo(slice, pod)));
}

function slicesOf(service: Service, slices: readonly EndpointSlice[]): EndpointSlice[] {
  return slices.filter((slice) => slice.metadata.labels?.[SERVICE_LABEL] === service.metadata.name);
}

/** Whether the Service's selector matches the pod's labels. A Service without a selector selects nothing. Pure. */
export function selects(service: Service, pod: Pod): boolean {
  return matches(service.spec.selector ?? {}, pod);
}

/** The selector that an earlier move took away from a Service, if it matches the pod's labels. Pure. */
export function takenSelector(service: Service, pod: Pod): Record<string, string> | undefined {
  const text = service.metadata.annotations?.[SELECTOR_ANNOTATION];
  if (text === undefined || service.spec.selector) return undefined;
  const selector = selectorSchema.safeParse(parseJson(text));
  return selector.success && matches(selector.data, pod) ? selector.data : undefined;
}

const selectorSchema = z.record(z.string(), z.string());

function matches(selector: Record<string, string>, pod: Pod): boolean {
  const terms = Object.entries(selector);
  return terms.length > 0 && terms.every(([key, value]) => pod.metadata.labels?.[key] === value);
}

/** Whether an endpoint is the pod: by its reference, or by its address where there is none. Pure. */
export function isEndpointOf(endpoint: Endpoint, pod: { uid: string; addresses: readonly string[] }): boolean {
  if (endpoint.targetRef?.uid !== undefined) return endpoint.targetRef.uid === pod.uid;
  return endpoint.addresses.some((address) => pod.addresses.includes(address));
}

/** Whether one of the slice's endpoints is the pod. Pure. */
export function leadsTo(slice: EndpointSlice, pod: Pod): boolean {
  const identity = { uid: pod.metadata.uid ?? '', addresses: podAddresses(pod) };
  return (slice.endpoints ?? []).some((endpoint) => isEndpointOf(endpoint, identity));
}

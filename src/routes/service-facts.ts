import type { Endpoint, EndpointSlice, Pod, Service } from '../kube/objects.ts';
import { podAddresses } from '../kube/pod-status.ts';

/** A Service of the source cluster that leads to the source pod, with all of its slices. */
export interface ServiceFacts {
  readonly service: Service;
  readonly slices: readonly EndpointSlice[];
  /** The Service of the same name in the target cluster. */
  readonly inTarget: Service | undefined;
}

/** Picks the Services that lead to the pod, by selector or by an endpoint. Pure. */
export function servicesOf(
  pod: Pod,
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  targets: readonly Service[],
): ServiceFacts[] {
  return services
    .map((service) => ({
      service,
      slices: slices.filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === service.metadata.name),
      inTarget: targets.find((candidate) => candidate.metadata.name === service.metadata.name),
    }))
    .filter(({ service, slices: own }) => selects(service, pod) || own.some((slice) => leadsTo(slice, pod)));
}

/** Whether the Service's selector matches the pod's labels. A Service without a selector selects nothing. Pure. */
export function selects(service: Service, pod: Pod): boolean {
  const selector = Object.entries(service.spec.selector ?? {});
  return selector.length > 0 && selector.every(([key, value]) => pod.metadata.labels?.[key] === value);
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

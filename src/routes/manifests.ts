import { MIGRATION_ANNOTATION } from '../domain/names.ts';
import type { Plan } from '../domain/plan.ts';
import type { EndpointSlice, KubeObject, Service } from '../kube/objects.ts';
import { MANAGED_BY_LABEL, OURS } from './service-facts.ts';

/** Whether an object carries the mark of this plan's migration: made by it, or changed and not changed back. Pure. */
export function isOf(plan: Plan, object: KubeObject | undefined): boolean {
  return object?.metadata.annotations?.[MIGRATION_ANNOTATION] === plan.id;
}

/** A slice with the same endpoints that no controller maintains. Pure. */
export function ownSlice(slice: EndpointSlice, name: string, migration: string): EndpointSlice {
  const { labels = {}, namespace } = slice.metadata;
  return {
    apiVersion: slice.apiVersion,
    kind: slice.kind,
    metadata: {
      name,
      ...(namespace && { namespace }),
      labels: { ...labels, [MANAGED_BY_LABEL]: OURS },
      annotations: { [MIGRATION_ANNOTATION]: migration },
    },
    addressType: slice.addressType,
    endpoints: slice.endpoints ?? [],
    ports: slice.ports ?? [],
  };
}

/** The change (RFC 6902) of a controller's slice whose endpoints one of our own has. */
export const EMPTIED = [{ op: 'replace', path: '/endpoints', value: [] }];

/** The Service without what belongs to one cluster: addresses, node ports, health check port, status. Pure. */
export function serviceForTarget(service: Service, namespace: string, migration: string): Service {
  const { clusterIP, clusterIPs: _ips, healthCheckNodePort: _health, ipFamilies: _families, ...spec } = service.spec;
  const ports = (spec.ports ?? []).map(({ nodePort: _nodePort, ...port }) => port);
  const headless = clusterIP === 'None' ? { clusterIP } : {};
  return {
    apiVersion: service.apiVersion,
    kind: service.kind,
    metadata: {
      name: service.metadata.name,
      namespace,
      labels: service.metadata.labels ?? {},
      annotations: { [MIGRATION_ANNOTATION]: migration },
    },
    spec: { ...spec, ...headless, ports },
  };
}

import type { EndpointSlice, KubeObject, Pod, Service } from '../../src/kube/objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { MANAGED_BY_LABEL, SERVICE_LABEL, selects } from '../../src/routes/service-facts.ts';
import type { FakeCluster } from './fake-cluster.ts';

const CONTROLLER = 'endpointslice-controller.k8s.io';

/**
 * What the endpoint and endpoint slice controllers do for a Service with a selector: one slice with all pods that have
 * an address, one core Endpoints object. The slice gets a new name each time it is made. A Service without a selector
 * is left alone: what is there stays there. Mirroring is not modelled.
 */
export function runEndpointControllers(cluster: FakeCluster): void {
  let serial = 0;
  const sync = (service: Service): void => {
    if (!service.spec.selector) return;
    const { name, namespace } = service.metadata;
    const pods = (cluster.all(RESOURCES.pod, namespace) as Pod[]).filter(
      (pod) => selects(service, pod) && pod.status?.podIP && !pod.metadata.deletionTimestamp,
    );
    const endpoints = pods.map(endpointOf);
    const own = slicesOf(cluster, service).find((slice) => slice.metadata.labels?.[MANAGED_BY_LABEL] === CONTROLLER);
    if (own) {
      cluster.change<EndpointSlice>(RESOURCES.endpointSlice, namespace, own.metadata.name, (slice) => {
        slice.endpoints = endpoints;
      });
    } else {
      serial += 1;
      cluster.seed(RESOURCES.endpointSlice, newSlice(service, `${name}-${serial}`, endpoints));
    }
    if (cluster.peek(RESOURCES.endpoints, namespace, name)) return;
    const metadata = { name, ...(namespace !== undefined && { namespace }) };
    cluster.seed(RESOURCES.endpoints, { apiVersion: 'v1', kind: 'Endpoints', metadata });
  };
  const react = (type: string, object: KubeObject): void => {
    const { name, namespace } = object.metadata;
    if (object.kind === 'Service' && type === 'DELETED') removeOf(cluster, object as Service);
    if (!['Service', 'Pod', 'EndpointSlice'].includes(object.kind)) return;
    for (const service of cluster.all(RESOURCES.service, namespace) as Service[]) {
      if (object.kind !== 'Service' || service.metadata.name === name) sync(service);
    }
  };
  for (const service of cluster.all(RESOURCES.service) as Service[]) sync(service);
  cluster.onChange(react);
}

function slicesOf(cluster: FakeCluster, service: Service): EndpointSlice[] {
  const { name, namespace } = service.metadata;
  const all = cluster.all(RESOURCES.endpointSlice, namespace) as EndpointSlice[];
  return all.filter((slice) => slice.metadata.labels?.[SERVICE_LABEL] === name);
}

function removeOf(cluster: FakeCluster, service: Service): void {
  const { name, namespace } = service.metadata;
  cluster.remove(RESOURCES.endpoints, namespace, name);
  for (const slice of slicesOf(cluster, service)) {
    cluster.remove(RESOURCES.endpointSlice, namespace, slice.metadata.name);
  }
}

function endpointOf(pod: Pod) {
  const { name, namespace = '', uid = '' } = pod.metadata;
  const ready = pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
  return {
    addresses: [pod.status?.podIP ?? ''],
    conditions: { ready, serving: ready, terminating: false },
    ...(pod.spec.nodeName !== undefined && { nodeName: pod.spec.nodeName }),
    targetRef: { kind: 'Pod', name, namespace, uid },
  };
}

function newSlice(service: Service, name: string, endpoints: EndpointSlice['endpoints']): EndpointSlice {
  const { name: of, namespace } = service.metadata;
  return {
    apiVersion: RESOURCES.endpointSlice.apiVersion,
    kind: 'EndpointSlice',
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      labels: { ...service.metadata.labels, [SERVICE_LABEL]: of, [MANAGED_BY_LABEL]: CONTROLLER },
    },
    addressType: 'IPv4',
    endpoints,
    ports: (service.spec.ports ?? []).map(({ targetPort }) => ({ port: Number(targetPort) })),
  };
}

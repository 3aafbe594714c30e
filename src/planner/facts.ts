import { declined } from '../domain/errors.ts';
import type { Finding } from '../domain/finding.ts';
import { SYSTEM_NAMESPACE } from '../domain/names.ts';
import type { MigrationRequest } from '../domain/plan.ts';
import type { EndpointSlice, KubeObject, Node, Pod, Service } from '../kube/objects.ts';
import type { ClusterReader, ReadOptions } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { type ServiceFacts, servicesOf } from '../routes/service-facts.ts';

import { type OwnerFacts, readOwners } from '../workloads/owner-facts.ts';
import { namingForbidden } from './checks/reads.ts';
import { type Maker, makerOf } from './leftover.ts';
import { readVolumes, type VolumeFacts } from './volume-facts.ts';

/** Everything that a plan is made from, read once. */
export interface Facts {
  readonly request: MigrationRequest;
  readonly source: ClusterReader;
  readonly target: ClusterReader;
  /** True when both contexts lead to the same API server, or to one that knows the source's node as its own. */
  readonly sameCluster: boolean;
  readonly pod: Pod;
  readonly sourceNode: Node | undefined;
  readonly targetPod: Pod | undefined;
  /** The migration that made it, if one did. */
  readonly targetPodMaker: Maker | undefined;
  readonly targetNodes: readonly Node[];
  /** Those that the user's node selector matches; absent where there is none. */
  readonly selectedNodes?: ReadonlySet<string>;
  /** Pods of the target cluster that take room on its nodes. */
  readonly targetPods: readonly Pod[];
  readonly services: readonly ServiceFacts[];
  readonly owners: OwnerFacts;
  readonly volumes: readonly VolumeFacts[];
  readonly systemNamespaces: { readonly source: KubeObject | undefined; readonly target: KubeObject | undefined };
}

/**
 * Reads both clusters. Throws a refusal at once for what nothing can be planned without: namespaces, the pod, and
 * permission to read.
 */
export async function gatherFacts(
  request: MigrationRequest,
  source: ClusterReader,
  target: ClusterReader,
  signal?: AbortSignal,
): Promise<Facts> {
  const options = signal ? { signal } : {};
  return namingForbidden({ request, source, target }, options, () => readFacts(request, source, target, options));
}

async function readFacts(
  request: MigrationRequest,
  source: ClusterReader,
  target: ClusterReader,
  options: ReadOptions,
): Promise<Facts> {
  const inSource = { ...options, namespace: request.namespace };
  const inTarget = { ...options, namespace: request.targetNamespace };
  const targetName = request.targetName ?? request.pod;
  const [sourceNamespace, targetNamespace, pod, targetPod, targetNodes, targetPods, sourceHelpers, targetHelpers] =
    await Promise.all([
      source.get(RESOURCES.namespace, request.namespace, options),
      target.get(RESOURCES.namespace, request.targetNamespace, options),
      source.get<Pod>(RESOURCES.pod, request.pod, inSource),
      target.get<Pod>(RESOURCES.pod, targetName, inTarget),
      target.list<Node>(RESOURCES.node, options),
      target.list<Pod>(RESOURCES.pod, { ...options, fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed' }),
      source.get(RESOURCES.namespace, SYSTEM_NAMESPACE, options),
      target.get(RESOURCES.namespace, SYSTEM_NAMESPACE, options),
    ]);
  const missing: Finding[] = [];
  if (!sourceNamespace) missing.push(noNamespace(source, request.namespace));
  if (!targetNamespace) missing.push(noNamespace(target, request.targetNamespace));
  if (sourceNamespace && !pod) missing.push(noPod(source, request));
  if (missing.length > 0 || !pod) throw declined(missing);
  const [sourceNode, services, targetPodMaker, selectedNodes] = await Promise.all([
    pod.spec.nodeName ? source.get<Node>(RESOURCES.node, pod.spec.nodeName, options) : undefined,
    readServices(pod, source, target, inSource, inTarget),
    makerOf(targetPod, source, options),
    selectNodes(request, target, options),
  ]);
  const sameCluster = source.server === target.server || targetNodes.some((node) => isSame(node, sourceNode));
  const namespaces = { source: request.namespace, target: request.targetNamespace };
  const { ignoreManagers, overwrite } = request;
  const renamed = targetName !== request.pod;
  const places = { source, target, namespaces, sameCluster, renamed, ignoreManagers, overwrite };
  const [owners, volumes] = await Promise.all([
    readOwners(pod, places, options),
    readVolumes(pod, { source, target }, namespaces, options),
  ]);
  return {
    request,
    source,
    target,
    sameCluster,
    pod,
    sourceNode,
    targetPod,
    targetPodMaker,
    targetNodes,
    ...(selectedNodes && { selectedNodes }),
    targetPods,
    services,
    owners,
    volumes,
    systemNamespaces: { source: sourceHelpers, target: targetHelpers },
  };
}

async function selectNodes(request: MigrationRequest, target: ClusterReader, options: ReadOptions) {
  const labelSelector = request.targetNodeSelector;
  if (labelSelector === undefined) return undefined;
  const nodes = await target.list<Node>(RESOURCES.node, { ...options, labelSelector });
  return new Set(nodes.map(({ metadata }) => metadata.name));
}

/** A cluster has many addresses; the uid of a node is its alone. */
function isSame(node: Node, other: Node | undefined): boolean {
  return other?.metadata.uid !== undefined && node.metadata.uid === other.metadata.uid;
}

async function readServices(
  pod: Pod,
  source: ClusterReader,
  target: ClusterReader,
  inSource: { namespace: string },
  inTarget: { namespace: string },
): Promise<ServiceFacts[]> {
  const [services, slices, servicesInTarget, slicesInTarget] = await Promise.all([
    source.list<Service>(RESOURCES.service, inSource),
    source.list<EndpointSlice>(RESOURCES.endpointSlice, inSource),
    target.list<Service>(RESOURCES.service, inTarget),
    target.list<EndpointSlice>(RESOURCES.endpointSlice, inTarget),
  ]);
  return servicesOf(pod, services, slices, { services: servicesInTarget, slices: slicesInTarget });
}

function noNamespace(cluster: ClusterReader, namespace: string): Finding {
  const { context, side } = cluster;
  const create = `kubectl --context ${context} create namespace ${namespace}`;
  return {
    code: 'E102',
    severity: 'error',
    what: `there is no namespace ${namespace} in ${context}`,
    why: side === 'source' ? 'that is where the pod was looked for' : 'that is where the pod would go',
    remedy: `name another with ${side === 'source' ? '--namespace' : `--to-namespace, or create it: ${create}`}`,
  };
}

/** E103. Pure. */
export function noPod(cluster: ClusterReader, request: Pick<MigrationRequest, 'namespace' | 'pod'>): Finding {
  return {
    code: 'E103',
    severity: 'error',
    what: `there is no pod ${request.namespace}/${request.pod} in ${cluster.context}`,
    why: 'there is nothing to move',
    remedy: `list them with: kubectl --context ${cluster.context} -n ${request.namespace} get pods`,
  };
}

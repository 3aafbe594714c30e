import { failureCode } from '../domain/errors.ts';
import type { Finding } from '../domain/finding.ts';
import { SYSTEM_NAMESPACE } from '../domain/names.ts';
import type { EngineName, MigrationRequest } from '../domain/plan.ts';
import type { Node, Pod, PodMetrics } from '../kube/objects.ts';
import type { Access, ClusterReader, ReadOptions } from '../kube/ports.ts';
import { parseQuantity } from '../kube/quantity.ts';
import { POD_METRICS, RESOURCES } from '../kube/resources.ts';
import { strangeOwner } from '../workloads/index.ts';
import { originalPod } from '../workloads/original-pod.ts';
import { type Candidate, judgeNodes } from './checks/placement.ts';
import { checkPodFeatures } from './checks/pod-features.ts';
import { checkPodState } from './checks/pod-state.ts';
import { considerEngines } from './engine-choice.ts';
import { gatherFacts } from './facts.ts';
import { boundIn, readVolumes } from './volume-facts.ts';

const HELPER_ACCESS: readonly Access[] = [
  { verb: 'create', group: '', resource: 'pods', namespace: SYSTEM_NAMESPACE },
  { verb: 'create', group: '', resource: 'pods', subresource: 'exec', namespace: SYSTEM_NAMESPACE },
];

/** What can be said of a cluster before anything is planned. */
export interface ClusterOutlook {
  /** Undefined where nodes may not be listed. */
  readonly nodes: number | undefined;
  /** Whether this user may run helper pods there. */
  readonly helpersAllowed: boolean;
}

/** Asks a cluster whether it answers, how many nodes it has and whether helper pods may run there. Throws F310 to F317. */
export async function surveyCluster(cluster: ClusterReader, options: ReadOptions): Promise<ClusterOutlook> {
  const [nodes, refused] = await Promise.all([
    cluster.list<Node>(RESOURCES.node, options).catch((error: unknown) => {
      if (failureCode(error) === 'F313') return undefined;
      throw error;
    }),
    cluster.refused(HELPER_ACCESS, options),
  ]);
  return { nodes: nodes?.length, helpersAllowed: refused.length === 0 };
}

/** What a pod shows by itself of whether it can be moved; both clusters together may still say no. */
export interface PodOutlook {
  /** `StatefulSet cart`, or '' for a pod without a controller. */
  readonly owner: string;
  readonly containers: number;
  /** Since it was created, in ms. */
  readonly ageMs: number;
  /** The first thing that stands in the way. */
  readonly obstacle: Finding | undefined;
}

/** Judges a pod of the cluster of `context` by its own object alone. `now` in ms since the epoch. Pure. */
export function podOutlook(pod: Pod, context: string, now: number): PodOutlook {
  const owner = pod.metadata.ownerReferences?.find((reference) => reference.controller);
  return {
    owner: owner ? `${owner.kind} ${owner.name}` : '',
    containers: pod.spec.containers.length,
    ageMs: now - Date.parse(pod.metadata.creationTimestamp ?? new Date(now).toISOString()),
    obstacle: [...judgePod(pod, context), ...strangeOwner(pod)].find(({ severity }) => severity === 'error'),
  };
}

/** Everything that the pod's own object says about a move of it. Pure. */
export function judgePod(pod: Pod, context: string): Finding[] {
  return [...checkPodFeatures(originalPod(pod)), ...checkPodState(pod, context)];
}

/** Memory in use by pod name, in bytes, as a metrics server measured it; empty where none is served. */
export async function memoryInUse(
  cluster: ClusterReader,
  namespace: string,
  options: ReadOptions,
): Promise<ReadonlyMap<string, number>> {
  const measured = await cluster.list<PodMetrics>(POD_METRICS, { ...options, namespace }).catch(() => []);
  return new Map(
    measured.map(({ metadata, containers = [] }) => [
      metadata.name,
      containers.reduce((sum, { usage }) => sum + parseQuantity(usage?.['memory'] ?? '0'), 0),
    ]),
  );
}

/** Every node of the target with what stands against the pod going there. Throws F310 to F317. */
export async function surveyNodes(
  pod: Pod,
  source: ClusterReader,
  target: ClusterReader,
  options: ReadOptions & { readonly targetNamespace?: string },
): Promise<Candidate[]> {
  const { targetNamespace } = options;
  const { namespace = '' } = pod.metadata;
  const namespaces = { source: namespace, target: targetNamespace ?? namespace };
  const [sourceNode, nodes, pods, volumes] = await Promise.all([
    pod.spec.nodeName ? source.get<Node>(RESOURCES.node, pod.spec.nodeName, options) : undefined,
    target.list<Node>(RESOURCES.node, options),
    target.list<Pod>(RESOURCES.pod, { ...options, fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed' }),
    readVolumes(pod, { source, target }, namespaces, options),
  ]);
  const architecture = sourceNode?.status?.nodeInfo?.architecture;
  return judgeNodes({ pod: originalPod(pod), nodes, pods, architecture, volumes: boundIn(volumes) });
}

/** The engines that could move the pod of a request, each with why it is worth having. Throws what gathering facts throws. */
export async function surveyEngines(
  request: MigrationRequest,
  source: ClusterReader,
  target: ClusterReader,
  signal: AbortSignal,
): Promise<{ readonly engine: EngineName; readonly about: string }[]> {
  const facts = await gatherFacts({ ...request, engine: 'auto' }, source, target, signal);
  const engines = new Set(considerEngines(facts, originalPod(facts.pod)).usable.map(({ engine }) => engine));
  return [...engines].map((engine) => ({ engine, about: ABOUT[engine] }));
}

const ABOUT: Readonly<Record<EngineName, string>> = {
  helper: 'privileged pods on both nodes, shortest freeze',
  kubelet: 'the nodes’ own runtimes, a checkpoint through the registry',
};

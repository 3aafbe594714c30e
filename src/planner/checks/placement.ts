import type { Node, NodeSelector, NodeSelectorRequirement, Pod, Toleration } from '../../kube/objects.ts';
import { parseQuantity } from '../../kube/quantity.ts';
import type { PersistentVolume } from '../../kube/volume-objects.ts';

/** A node of the target cluster and, where the pod cannot go there, why. */
export interface Candidate {
  readonly node: string;
  readonly reasons: readonly string[];
}

/** The facts that placement is judged by. `pods`: all pods of the target cluster that are not finished. */
export interface PlacementFacts {
  readonly pod: Pod;
  readonly nodes: readonly Node[];
  readonly pods: readonly Pod[];
  readonly architecture: string | undefined;
  /** The target's persistent volumes of the pod. */
  readonly volumes?: readonly PersistentVolume[];
}

/**
 * Judges every node by what the API server knows: readiness, taints, selectors, architecture, free requests.
 * The scheduler has the last word when the placeholder is created; this only chooses, and explains. Pure.
 */
export function judgeNodes(facts: PlacementFacts): Candidate[] {
  return facts.nodes.map((node) => ({ node: node.metadata.name, reasons: reasonsAgainst(node, facts) }));
}

/** The node with the most free memory among those that fit; undefined when none does. */
export function chooseNode(candidates: readonly Candidate[], facts: PlacementFacts): string | undefined {
  const fitting = candidates.filter((candidate) => candidate.reasons.length === 0).map((candidate) => candidate.node);
  const free = (name: string) => {
    const node = facts.nodes.find((candidate) => candidate.metadata.name === name);
    return node ? freeOn(node, facts.pods, 'memory') : 0;
  };
  return fitting.toSorted((a, b) => free(b) - free(a) || a.localeCompare(b))[0];
}

function reasonsAgainst(node: Node, { pod, pods, architecture, volumes = [] }: PlacementFacts): string[] {
  const reasons: string[] = [];
  const ready = node.status?.conditions?.find((condition) => condition.type === 'Ready');
  if (ready?.status !== 'True') reasons.push('is not Ready');
  if (node.spec?.unschedulable) reasons.push('is cordoned');
  for (const taint of node.spec?.taints ?? []) {
    if (taint.effect !== 'PreferNoSchedule' && !tolerates(pod.spec.tolerations ?? [], taint)) {
      reasons.push(`has the taint ${taint.key}:${taint.effect}`);
    }
  }
  const arch = node.status?.nodeInfo?.architecture;
  if (architecture !== undefined && arch !== architecture)
    reasons.push(`is ${arch}, the source node is ${architecture}`);
  for (const [key, value] of Object.entries(pod.spec.nodeSelector ?? {})) {
    if (node.metadata.labels?.[key] !== value) reasons.push(`lacks the label ${key}=${value}`);
  }
  if (!matchesAffinity(node, pod)) reasons.push('does not match the node affinity');
  for (const { metadata, spec } of volumes) {
    const required = spec.nodeAffinity?.required;
    if (required && !isSelected(node, required))
      reasons.push(`cannot mount volume ${metadata.name} (its node affinity)`);
  }
  for (const resource of ['cpu', 'memory']) {
    const wanted = requestOf(pod, resource);
    const free = freeOn(node, pods, resource);
    if (wanted > free)
      reasons.push(
        `has too little ${resource} (${format(wanted, resource)} requested, ${format(free, resource)} free)`,
      );
  }
  return reasons;
}

function tolerates(
  tolerations: readonly Toleration[],
  taint: { key: string; value?: string; effect: string },
): boolean {
  return tolerations.some(
    (toleration) =>
      (toleration.effect === undefined || toleration.effect === '' || toleration.effect === taint.effect) &&
      (toleration.operator === 'Exists'
        ? toleration.key === undefined || toleration.key === '' || toleration.key === taint.key
        : toleration.key === taint.key && (toleration.value ?? '') === (taint.value ?? '')),
  );
}

function matchesAffinity(node: Node, pod: Pod): boolean {
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return !required || isSelected(node, required);
}

function isSelected(node: Node, { nodeSelectorTerms }: NodeSelector): boolean {
  const labels = node.metadata.labels ?? {};
  return nodeSelectorTerms.some(
    (term) =>
      (term.matchExpressions ?? []).every((rule) => matches(rule, labels[rule.key])) &&
      (term.matchFields ?? []).every((rule) =>
        matches(rule, rule.key === 'metadata.name' ? node.metadata.name : undefined),
      ),
  );
}

function matches({ operator, values = [] }: NodeSelectorRequirement, actual: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return actual !== undefined && values.includes(actual);
    case 'NotIn':
      return actual === undefined || !values.includes(actual);
    case 'Exists':
      return actual !== undefined;
    case 'DoesNotExist':
      return actual === undefined;
    case 'Gt':
      return Number(actual) > Number(values[0]);
    case 'Lt':
      return Number(actual) < Number(values[0]);
    default:
      return false;
  }
}

/** What the pod asks the scheduler for: the sum over its containers, or the largest init container if that is more. */
function requestOf(pod: Pod, resource: string): number {
  const of = (containers: Pod['spec']['containers'] = []) =>
    containers.map((container) => parseQuantity(container.resources?.requests?.[resource] ?? '0'));
  const running = of(pod.spec.containers).reduce((sum, value) => sum + value, 0);
  return Math.max(running, ...of(pod.spec.initContainers));
}

function freeOn(node: Node, pods: readonly Pod[], resource: string): number {
  const taken = pods
    .filter((pod) => pod.spec.nodeName === node.metadata.name)
    .reduce((sum, pod) => sum + requestOf(pod, resource), 0);
  return parseQuantity(node.status?.allocatable?.[resource] ?? '0') - taken;
}

function format(amount: number, resource: string): string {
  return resource === 'memory' ? `${Math.floor(amount / 2 ** 20)} MiB` : `${amount.toFixed(2)} cores`;
}

import type { KubeObject, PodSpec } from './objects.ts';

/** What a controller makes its pods from. */
export interface PodTemplate {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string>; [field: string]: unknown };
  spec: PodSpec;
}

export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

interface OwnerStatus {
  observedGeneration?: number;
  replicas?: number;
  readyReplicas?: number;
  updatedReplicas?: number;
  updateRevision?: string;
  currentRevision?: string;
  [field: string]: unknown;
}

/** What Deployments, ReplicaSets and StatefulSets have in common: they want a number of pods of one template. */
export interface OwnerObject extends KubeObject {
  spec: {
    replicas?: number;
    selector: LabelSelector;
    template: PodTemplate;
    /** Deployments only. */
    paused?: boolean;
    /** StatefulSets only. */
    ordinals?: { start?: number };
    /** StatefulSets only. */
    serviceName?: string;
    [field: string]: unknown;
  };
  status?: OwnerStatus;
}

export interface Autoscaler extends KubeObject {
  spec: {
    scaleTargetRef: { apiVersion?: string; kind: string; name: string };
    minReplicas?: number;
    maxReplicas: number;
    [field: string]: unknown;
  };
}

export interface DisruptionBudget extends KubeObject {
  spec: {
    selector?: LabelSelector;
    minAvailable?: number | string;
    maxUnavailable?: number | string;
    [field: string]: unknown;
  };
}

/** The reference to the one controller of an object, if it has one. Pure. */
export function controllerOf(object: KubeObject | undefined) {
  return object?.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

/** Whether labels match a selector, as the API server reads it. An empty selector matches everything. Pure. */
export function matchesSelector(selector: LabelSelector, labels: Readonly<Record<string, string>> = {}): boolean {
  const equal = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  return equal && (selector.matchExpressions ?? []).every((term) => matchesTerm(term, labels[term.key]));
}

function matchesTerm(
  { operator, values = [] }: { operator: string; values?: string[] },
  actual: string | undefined,
): boolean {
  switch (operator) {
    case 'In':
      return actual !== undefined && values.includes(actual);
    case 'NotIn':
      return actual === undefined || !values.includes(actual);
    case 'Exists':
      return actual !== undefined;
    default:
      return actual === undefined;
  }
}

import type { Side } from '../domain/refs.ts';
import type { KubeObject, Pod } from '../kube/objects.ts';
import {
  type Autoscaler,
  controllerOf,
  type DisruptionBudget,
  matchesSelector,
  type OwnerObject,
} from '../kube/owner-objects.ts';
import type { ClusterReader, ReadOptions, Resource } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';

type OwnerReference = NonNullable<KubeObject['metadata']['ownerReferences']>[number];

/** Whose pod it is in the source, and what the target has of the same name. */
export interface OwnerFacts {
  readonly pod: Pod;
  readonly namespaces: Readonly<Record<Side, string>>;
  readonly contexts: Readonly<Record<Side, string>>;
  readonly sameCluster: boolean;
  /** The user says that whoever describes the owner elsewhere leaves it alone. */
  readonly ignoreManagers: boolean;
  /** Objects of the target that the user lets be overwritten. */
  readonly overwrite: readonly string[];
  /** The user gave it another name in the target. */
  readonly renamed: boolean;
  /** The owners that were found, from the pod upward: a ReplicaSet and its Deployment, or a StatefulSet. */
  readonly owners: readonly OwnerObject[];
  /** The controller of the topmost of them that is of no kind that pods are handed over by: an operator's object. */
  readonly above: OwnerReference | undefined;
  /** Pods of the same controller in the source, without the pod itself. */
  readonly siblings: readonly Pod[];
  /** Autoscalers of the topmost owner. */
  readonly autoscalers: readonly Autoscaler[];
  /** Disruption budgets that cover the pod. */
  readonly budgets: readonly DisruptionBudget[];
  readonly inTarget: {
    /** The topmost owner's namesake. */
    readonly owner: OwnerObject | undefined;
    /** Every pod of the namespace. */
    readonly pods: readonly Pod[];
  };
}

const FOLLOWED: Readonly<Record<string, Resource>> = {
  'apps/v1 ReplicaSet': RESOURCES.replicaSet,
  'apps/v1 Deployment': RESOURCES.deployment,
  'apps/v1 StatefulSet': RESOURCES.statefulSet,
};

/** The kind of an owner that pods are handed over by; undefined for any other. Pure. */
export function followed(reference: { apiVersion: string; kind: string } | undefined): Resource | undefined {
  return reference && FOLLOWED[`${reference.apiVersion} ${reference.kind}`];
}

export interface OwnerPlaces {
  readonly source: ClusterReader;
  readonly target: ClusterReader;
  readonly namespaces: Readonly<Record<Side, string>>;
  readonly sameCluster: boolean;
  readonly ignoreManagers: boolean;
  readonly overwrite: readonly string[];
  readonly renamed: boolean;
}

/** Whether source and target are one namespace: what is there of the pod's owner and Services is there once. Pure. */
export function isOnePlace({ sameCluster, namespaces }: Pick<OwnerPlaces, 'sameCluster' | 'namespaces'>): boolean {
  return sameCluster && namespaces.source === namespaces.target;
}

/** Reads the owners of a pod and what is around them. For a bare pod nothing is read. */
export async function readOwners(pod: Pod, places: OwnerPlaces, options: ReadOptions): Promise<OwnerFacts> {
  const { source, target, namespaces, sameCluster, renamed, ignoreManagers, overwrite } = places;
  const inSource = { ...options, namespace: namespaces.source };
  const inTarget = { ...options, namespace: namespaces.target };
  const { owners, above } = await climb(pod, source, inSource);
  const contexts = { source: source.context, target: target.context };
  const common = { pod, namespaces, contexts, sameCluster, renamed, ignoreManagers, overwrite, owners, above };
  const top = owners.at(-1);
  const resource = followed(top);
  if (!top || !resource) {
    return { ...common, siblings: [], autoscalers: [], budgets: [], inTarget: { owner: undefined, pods: [] } };
  }
  const [pods, autoscalers, budgets, owner, podsInTarget] = await Promise.all([
    source.list<Pod>(RESOURCES.pod, inSource),
    source.list<Autoscaler>(RESOURCES.autoscaler, inSource),
    source.list<DisruptionBudget>(RESOURCES.disruptionBudget, inSource),
    target.get<OwnerObject>(resource, top.metadata.name, inTarget),
    target.list<Pod>(RESOURCES.pod, inTarget),
  ]);
  return {
    ...common,
    siblings: siblingsOf(pod, pods),
    autoscalers: autoscalers.filter(({ spec: { scaleTargetRef } }) => names(scaleTargetRef, top)),
    budgets: budgets.filter(({ spec }) => spec.selector && matchesSelector(spec.selector, pod.metadata.labels)),
    inTarget: { owner, pods: podsInTarget },
  };
}

/** Pods of the same controller, without the pod itself and without those that have ended. Pure. */
export function siblingsOf(pod: Pod, pods: readonly Pod[]): Pod[] {
  const uid = controllerOf(pod)?.uid;
  const ended = (one: Pod) => one.status?.phase === 'Succeeded' || one.status?.phase === 'Failed';
  return pods.filter((one) => one.metadata.uid !== pod.metadata.uid && controllerOf(one)?.uid === uid && !ended(one));
}

async function climb(pod: Pod, source: ClusterReader, place: { namespace: string }) {
  const owners: OwnerObject[] = [];
  for (let reference = controllerOf(pod); reference; reference = controllerOf(owners.at(-1))) {
    const resource = followed(reference);
    const found = resource && (await source.get<OwnerObject>(resource, reference.name, place));
    if (found?.metadata.uid !== reference.uid) return { owners, above: reference };
    owners.push(found);
  }
  return { owners, above: undefined };
}

function names(reference: { apiVersion?: string; kind: string; name: string }, { kind, metadata }: OwnerObject) {
  return reference.kind === kind && reference.name === metadata.name;
}

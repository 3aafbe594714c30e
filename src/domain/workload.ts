import type { Json } from './json.ts';

/** Whose pod it is, and how its place is handed over: data that the module of that kind in `src/workloads` acts by. */
export type PlannedWorkload = PlannedBarePod | PlannedDeployment | PlannedStatefulSet | PlannedPlace;

/** Within one namespace, where owner and Services are the same on both sides. */
export type PlannedPlace = PlannedReplica | PlannedOrdinal | PlannedBareName;

/** Nobody's pod: its place is its name. */
export interface PlannedBarePod {
  readonly kind: 'bare-pod';
}

/** An owner that wants a number of pods: one less in the source, one more in the target. */
export interface PlannedOwner {
  readonly name: string;
  /** The source's owner as the plan found it: a change of its spec raises the generation. */
  readonly uid: string;
  readonly generation: number;
  /** How many pods it wants in the source before the move. */
  readonly replicas: number;
  readonly inTarget: OwnerInTarget;
  /** The pod's labels in the target once its owner there has it. */
  readonly labels: Readonly<Record<string, string>>;
  /** Keys of labels that the target pod goes without until then, so that no owner counts it before its time. */
  readonly withheld: readonly string[];
}

/**
 * The owner of that name in the target: made for the move with no pods, there already and alike, or there with no pods
 * and given the source's spec because the user says so.
 */
export type OwnerInTarget =
  | { readonly what: 'create'; readonly manifest: Json }
  | { readonly what: 'join'; readonly uid: string; readonly replicas: number }
  | { readonly what: 'overwrite'; readonly uid: string; readonly spec: Json; readonly before: Json };

/** A pod of a Deployment's current ReplicaSet. */
export interface PlannedDeployment extends PlannedOwner {
  readonly kind: 'deployment';
  /** The ReplicaSet of the source that the pod belongs to. */
  readonly replicaSet: string;
  /** The service account that the template names; absent where it names none. */
  readonly serviceAccount?: string;
}

/** One ordinal of a StatefulSet: the lowest or the highest, because a set's ordinals have no gaps. */
export interface PlannedStatefulSet extends PlannedOwner {
  readonly kind: 'stateful-set';
  readonly ordinal: number;
}

/** One of a ReplicaSet's pods, replaced by another of the same ReplicaSet within the namespace: a pod's name does not matter to it. */
export interface PlannedReplica {
  readonly kind: 'replica';
  /** Whoever is scaled and rolled out: a Deployment, or the ReplicaSet itself. */
  readonly owner: {
    readonly kind: 'Deployment' | 'ReplicaSet';
    readonly name: string;
    readonly uid: string;
    readonly generation: number;
  };
  readonly replicaSet: { readonly name: string; readonly uid: string };
  /** The pod's labels, all of which the target pod goes without until it is to be taken in. */
  readonly labels: Readonly<Record<string, string>>;
  readonly withheld: readonly string[];
  /** The pod's own deletion cost, which the target pod gets in the end; absent where it has none. */
  readonly cost?: string;
}

/** One ordinal of a StatefulSet, made anew by its controller within its namespace. */
export interface PlannedOrdinal {
  readonly kind: 'ordinal';
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  /** The pod's labels, which it has again in the end. */
  readonly labels: Readonly<Record<string, string>>;
  /** The revision of the set that the pod is of. */
  readonly revision: string;
  /** What the set has again in the end, as the API server sent it. */
  readonly template: Json;
  readonly strategy: Json;
}

/** A pod of nobody's that keeps its name within its namespace: deleted, and made anew by us. */
export interface PlannedBareName {
  readonly kind: 'bare-name';
}

import type { Effect } from './effect.ts';
import type { Finding } from './finding.ts';
import type { Json } from './json.ts';
import type { ObjectRef, Side } from './refs.ts';
import type { PlannedWorkload } from './workload.ts';

/** The plan format; a reader refuses any other. */
export const PLAN_SCHEMA = 'kubectl-migrate/plan-v1';

/** What the user asked for, with every default filled in. */
export interface MigrationRequest {
  readonly pod: string;
  /** The one container whose processes move, the others start afresh in the target; absent: all of them move. */
  readonly container?: string;
  readonly namespace: string;
  readonly targetNamespace: string;
  readonly targetNode?: string;
  /** A label selector: the target's node is one of those that it matches. */
  readonly targetNodeSelector?: string;
  /** Another name for the pod in the target. */
  readonly targetName?: string;
  /** `auto`: the helper engine where it is allowed, the kubelet engine otherwise. */
  readonly engine: EngineName | 'auto';
  readonly route: RouteName;
  /** Reference of the helper image; absent when neither flag nor variable names one. */
  readonly helperImage?: string;
  /** `HOST[:PORT]/REPOSITORY` for checkpoints of the kubelet engine; absent when none is named. */
  readonly registry?: string;
  /** A lock that another migration left is no reason against the move. */
  readonly forceUnlock?: boolean;
  /** Argo CD, Flux or another has been told to leave the owner alone. */
  readonly ignoreManagers: boolean;
  /** Make what the pod refers to and the target lacks. */
  readonly copyDependencies: boolean;
  /** Objects that are there, differ, and may be overwritten: `NAME` or `KIND/NAME`. */
  readonly overwrite: readonly string[];
  /** How long the source is kept stopped after the commit, in ms; absent for not at all. */
  readonly hold?: number;
  readonly deadlines: Deadlines;
}

export const ENGINES = ['helper', 'kubelet'] as const;
export type EngineName = (typeof ENGINES)[number];

export const ROUTES = ['endpoints', 'none'] as const;
export type RouteName = (typeof ROUTES)[number];

/** How long each wait may take, in ms. Every one has a flag of the same name in kebab-case. */
export interface Deadlines {
  /** Helper pods to run, image pull included. */
  readonly helperTimeout: number;
  /** Placeholder in the target to be scheduled and started, image pull included. */
  readonly placeholderTimeout: number;
  /** Copy of files before the freeze. */
  readonly copyTimeout: number;
  /** The source frozen without a commit: after this the helper thaws it by itself. */
  readonly maxFreeze: number;
  /** Target ready after the commit. */
  readonly readyTimeout: number;
  /** Objects of the source to be gone. */
  readonly removeTimeout: number;
}

export const DEFAULT_DEADLINES: Deadlines = {
  helperTimeout: 120_000,
  placeholderTimeout: 120_000,
  copyTimeout: 600_000,
  maxFreeze: 30_000,
  readyTimeout: 60_000,
  removeTimeout: 60_000,
};

/** Where the pod is. */
export interface PlanSource {
  readonly context: string;
  readonly server: string;
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
  readonly node: string;
  readonly addresses: readonly string[];
  /** Those that move, in the order in which kubelet starts them: sidecars first. */
  readonly containers: readonly PlanContainer[];
  /** Those that do not move: stopped with the others, started from their images in the target. Absent where there are none. */
  readonly afresh?: readonly PlanContainer[];
}

/** A container of the source pod. */
export interface PlanContainer {
  readonly name: string;
  /** Id as the runtime knows it, without the `containerd://` prefix. */
  readonly id: string;
  readonly restartCount: number;
  /** The image by digest, as the target will run it. */
  readonly image: string;
}

/** Every container of the target pod that has a program of the source's in it, moved or started afresh. Pure. */
export function allContainers({ source: { containers, afresh = [] } }: Pick<Plan, 'source'>): PlanContainer[] {
  return [...containers, ...afresh];
}

/** The container of a move by an engine that moves no more than one. More are a defect: the planner declines them. */
export function onlyContainer({ source: { containers } }: Pick<Plan, 'source'>): PlanContainer {
  const [container, ...others] = containers;
  if (!container || others.length > 0) throw new Error(`${containers.length} containers are planned, not one`);
  return container;
}

/** A volume whose content moves, through one container that mounts it. */
export interface PodVolume {
  readonly container: string;
  readonly name: string;
  readonly mountPath: string;
}

/** A persistent volume that the pod uses. Its files stay where they are; the target finds them there. */
export interface PlannedVolume {
  /** Its name in the pod's spec. */
  readonly name: string;
  /** The PersistentVolumeClaim, of the same name on both sides. */
  readonly claim: string;
  /** The PersistentVolume that it is bound to on each side. */
  readonly bound: Readonly<Record<Side, string>>;
  /** How it is known that both have the same files. */
  readonly sameBy: string;
  /** `shared`: both nodes mount it at once. `handed-over`: the target does when the source's node has let go of it. */
  readonly mounting: 'shared' | 'handed-over';
  /** Where containers that move see it. */
  readonly mounts: readonly { readonly container: string; readonly mountPath: string }[];
}

/** Where it goes. */
export interface PlanTarget {
  readonly context: string;
  readonly server: string;
  readonly namespace: string;
  readonly pod: string;
  readonly node: string;
  /**
   * Capabilities, without `CAP_`, that the source's runtime gives where a spec does not say, and the target's does not: the
   * processes go on without them. Absent where there are none.
   */
  readonly withoutCapabilities?: readonly string[];
  /**
   * A setting of the node's runtime without which it restores no checkpoint, as its configuration file has it: looked for
   * before the freeze. Absent where there is none.
   */
  readonly restoreSetting?: string;
}

/** A Service of the source cluster that will lead to the target. */
export interface PlannedRoute {
  readonly service: string;
  /** What it selects its pods by; taken away from it in the source cluster, and put back on the way back. */
  readonly selector: Readonly<Record<string, string>>;
  /**
   * Slices of our own that an earlier move of another pod left in the source cluster, by name: the Service has no
   * selector any more and there is nothing to prepare. Empty where the Service selects its pods.
   */
  readonly ownInSource: readonly string[];
  /** The controller's slices that the own ones stand in for, by name. */
  readonly slices: readonly { readonly replaces: string; readonly own: string }[];
  /**
   * The Service of that name in the target cluster: `create` where there is none, `keep` where it selects the pod or still
   * leads to pods elsewhere, and `restore` where an earlier move took its selector away, which it then gets back. `same`
   * where it is the very Service, within one namespace: it gets its selector back when the target pod has the labels.
   */
  readonly inTarget: 'create' | 'keep' | 'restore' | 'same';
  /** The slices of our own there, by name: left by an earlier move, or with `same` of this one. With `restore` and `same` they go at the end. */
  readonly ownInTarget: readonly string[];
  /** With `restore` and `same`: the selector that it gets back. */
  readonly selectorInTarget: Readonly<Record<string, string>>;
}

/** An object that the pod refers to, made or overwritten in the target from the source's. */
export interface PlannedCopy {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly usedBy: string;
  readonly act: 'create' | 'overwrite';
  /** SHA-256 of what the source's object says, in hex; the values themselves are in no plan. */
  readonly digest: string;
}

/** An object that a plan was made from. */
export interface ReliedOn {
  readonly object: ObjectRef;
  /** Null where nothing of that name may be. */
  readonly uid: string | null;
  /** Digests of the fields that mattered, by their path. */
  readonly fields: Readonly<Record<string, string>>;
}

/** How long a move will take, and why that is believed. */
export interface Forecast {
  /** Nobody serves, in ms. */
  readonly downMs: number;
  /** From the first act to the last, in ms. */
  readonly totalMs: number;
  /** What it rests on: memory, link, past moves. */
  readonly basis: readonly string[];
}

/** Where the process image rests on its way, when an engine needs such a place. */
export interface PlannedArchive {
  readonly host: string;
  readonly repository: string;
  /** The migration's id: no other move writes there. */
  readonly tag: string;
  /** As Go names it: `amd64`. */
  readonly architecture: string;
}

/** Everything that a run will do, and what it relied on. A dry run prints this very object. */
export interface Plan {
  readonly schema: typeof PLAN_SCHEMA;
  readonly id: string;
  /** RFC 3339. */
  readonly createdAt: string;
  /** What was asked for: the same request leads to the same plan while the clusters stay as they are. */
  readonly request: MigrationRequest;
  readonly source: PlanSource;
  readonly target: PlanTarget;
  /** Source and target are one cluster: there is one record and, for one name, one lock. */
  readonly oneCluster: boolean;
  readonly workload: PlannedWorkload;
  readonly copies: readonly PlannedCopy[];
  readonly volumes: readonly PlannedVolume[];
  /**
   * A throw-away pod on the target's node in which the restore is tried before the source pod is deleted: where the
   * target pod takes the source pod's name in the same namespace.
   */
  readonly rehearsal?: { readonly pod: string };
  readonly engine: { readonly name: EngineName; readonly reason: string };
  readonly transfer: { readonly name: 'relay' | 'registry'; readonly reason: string };
  readonly archive?: PlannedArchive;
  readonly route: { readonly name: RouteName; readonly services: readonly PlannedRoute[] };
  readonly helper: {
    readonly image: string;
    readonly namespace: string;
    /** The clusters that lack the namespace. */
    readonly createNamespaceIn: readonly Side[];
    /** Where helper pods run. */
    readonly sides: readonly Side[];
  };
  readonly deadlines: Deadlines;
  readonly effects: readonly Effect[];
  readonly warnings: readonly Finding[];
  readonly forecast: Forecast;
  readonly reliedOn: readonly ReliedOn[];
  /** The target pod as it will be created. Its command line is completed by the probe where the spec names none. */
  readonly manifest: Json;
}

/** A plan before its steps have said what they will do. */
export type PlanDraft = Omit<Plan, 'effects'>;

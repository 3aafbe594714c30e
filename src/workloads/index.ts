import type { Effect } from '../domain/effect.ts';
import type { Finding } from '../domain/finding.ts';
import type { Json } from '../domain/json.ts';
import type { PlanDraft } from '../domain/plan.ts';
import type { PlannedWorkload } from '../domain/workload.ts';
import type { Pod } from '../kube/objects.ts';
import { controllerOf } from '../kube/owner-objects.ts';
import { asideEffects } from './aside.ts';
import { bareName } from './bare-name.ts';
import { barePod } from './bare-pod.ts';
import { deployment } from './deployment.ts';
import { ordinal } from './ordinal.ts';
import { followed, type OwnerFacts } from './owner-facts.ts';
import { replica } from './replica.ts';
import { statefulSet } from './stateful-set.ts';
import type { Detection, Renewal, Workload, WorkloadContext } from './workload.ts';

/** The first that says that the pod is its kind has it: within one place it is another than across places. */
const WORKLOADS = [bareName, barePod, replica, deployment, ordinal, statefulSet] as unknown as readonly Workload[];

/** Asks the kind of owner that the pod has whether it can be handed over. Pure. */
export function detectWorkload(facts: OwnerFacts): Detection {
  return (
    WORKLOADS.find((each) => each.owns(facts))?.detect(facts) ?? { declined: [unknownOwner(facts.pod, facts.above)] }
  );
}

/** E121 for a pod whose controller is of a kind that no pod is handed over by, from the pod alone. Pure. */
export function strangeOwner(pod: Pod): Finding[] {
  const owner = controllerOf(pod);
  return owner && !followed(owner) ? [unknownOwner(pod)] : [];
}

/** A plan's workload with the module of its kind: what the steps call. */
export interface BoundWorkload {
  effects(draft: PlanDraft): readonly Effect[];
  capture(context: WorkloadContext): Promise<Json>;
  prepare(context: WorkloadContext): Promise<void>;
  makeWay(context: WorkloadContext, renewal: Renewal): Promise<Json>;
  giveBack(context: WorkloadContext, made: Json): Promise<void>;
  check(context: WorkloadContext, made: Json): Promise<void>;
  renew(context: WorkloadContext, renewal: Renewal): Promise<void>;
  giveUp(context: WorkloadContext): Promise<void>;
  /** What `standAside` changes beyond the owners' effects. */
  asideEffects(draft: PlanDraft): readonly Effect[];
  standAside(context: WorkloadContext): Promise<void>;
  giveBackTarget(context: WorkloadContext): Promise<void>;
  comeBack(context: WorkloadContext): Promise<void>;
  takeIn(context: WorkloadContext): Promise<void>;
  finalize(context: WorkloadContext): Promise<void>;
  back(context: WorkloadContext, undo: Json): Promise<void>;
}

/** What the pod is called in the target. `asked`: by the user. `migration`: its id. Pure. */
export function targetNameOf(
  planned: PlannedWorkload,
  { pod, asked, migration }: { readonly pod: string; readonly asked: string | undefined; readonly migration: string },
): string {
  if (asked !== undefined) return asked;
  return planned.kind === 'replica' ? `${planned.replicaSet.name}-${migration.replace(/^m-/, '')}` : pod;
}

/** Whether the source pod's name is freed for the target pod, which is made anew after the commit. Pure. */
export function isRenewed({ kind }: PlannedWorkload): boolean {
  return kind === 'bare-name' || kind === 'ordinal';
}

/** Whether the source pod is gone when the target runs; else it goes for the one that its owner takes in. Pure. */
export function leavesAtSwitch({ kind }: PlannedWorkload): boolean {
  return kind !== 'replica';
}

/** The pod as it is made in the target: without the labels that it gets when its owner there takes it in. Pure. */
export function withoutWithheld(pod: Pod, planned: PlannedWorkload, name: string): Pod {
  const withheld = 'withheld' in planned ? planned.withheld : [];
  const kept = Object.entries(pod.metadata.labels ?? {}).filter(([key]) => !withheld.includes(key));
  return { ...pod, metadata: { ...pod.metadata, name, labels: Object.fromEntries(kept) } };
}

/** Whether a pod of that kind can be kept, stopped and in nobody's hands, after it has moved. Pure. */
export function canBeHeld({ kind }: PlannedWorkload): boolean {
  return WORKLOADS.find((each) => each.kind === kind)?.moments.standAside !== undefined;
}

/** The module for a plan's workload, see `Moments` for what is done when. */
export function workloadOf({ workload: planned }: { readonly workload: PlannedWorkload }): BoundWorkload {
  const module = WORKLOADS.find(({ kind }) => kind === planned.kind);
  if (!module) throw new Error(`no module for workload ${planned.kind}`);
  const { moments } = module;
  return {
    effects: (draft) => module.effects(draft, planned),
    capture: async (context) => (await moments.capture?.(context, planned)) ?? null,
    prepare: async (context) => moments.prepare?.(context, planned),
    makeWay: async (context, renewal) => (await moments.makeWay?.(context, planned, renewal)) ?? null,
    giveBack: async (context, made) => moments.giveBack?.(context, planned, made),
    check: async (context, made) => moments.check?.(context, planned, made),
    renew: async (context, renewal) => moments.renew?.(context, planned, renewal),
    giveUp: async (context) => moments.giveUp?.(context, planned),
    asideEffects: (draft) => asideEffects(draft, planned),
    standAside: async (context) => moments.standAside?.(context, planned),
    giveBackTarget: async (context) => moments.giveBackTarget?.(context, planned),
    comeBack: async (context) => moments.comeBack?.(context, planned),
    takeIn: async (context) => moments.takeIn?.(context, planned),
    finalize: async (context) => moments.finalize?.(context, planned),
    back: async (context, undo) => moments.back?.(context, planned, undo),
  };
}

const WHY_NOT: Readonly<Record<string, readonly [why: string, remedy: string]>> = {
  DaemonSet: [
    'a DaemonSet has one pod on each of its nodes: the target node has its own, and the source node would get a new one',
    'let the DaemonSet of the target cluster make its own pod; take along only what it keeps on disk',
  ],
  Node: [
    'a static pod is made by kubelet from a file on the node, which brings it back at once',
    'move the file to the other node instead',
  ],
  Job: [
    'a Job counts the pod that ends: it would see this one deleted, start another, and the work would be done twice',
    'let the Job finish, or suspend it and start it in the target',
  ],
};

/** `above`: who owns the owner, where that is why: a ReplicaSet of something that is no Deployment. */
function unknownOwner(pod: Pod, above?: OwnerFacts['above']): Finding {
  const owner = above ?? controllerOf(pod);
  const kind = owner?.kind ?? '';
  const [why, remedy] = WHY_NOT[kind] ?? [
    `the controller of ${kind} ${owner?.name} would make a second copy as soon as this pod leaves`,
    'move it by the means of that controller; pods of Deployments, StatefulSets and of nobody can be moved',
  ];
  return {
    code: 'E121',
    severity: 'error',
    what: `pod ${pod.metadata.name} belongs to ${kind} ${owner?.name}`,
    why,
    remedy,
    field: 'metadata.ownerReferences',
  };
}

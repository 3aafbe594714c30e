import type { Effect } from '../domain/effect.ts';
import type { Finding } from '../domain/finding.ts';
import type { Json } from '../domain/json.ts';
import type { Plan, PlanDraft } from '../domain/plan.ts';
import type { PlannedWorkload } from '../domain/workload.ts';
import type { ClusterReader, Gateway } from '../kube/ports.ts';
import type { OwnerFacts } from './owner-facts.ts';

/** What a workload acts with: a step's context has it all. */
export interface WorkloadContext {
  readonly plan: Plan;
  readonly source: ClusterReader;
  readonly target: ClusterReader;
  readonly gateway: Gateway;
  readonly signal: AbortSignal;
  /** Says what is waited for and why it is not there yet. */
  readonly waiting: (why: string) => void;
}

/** What it takes to look at both clusters and to change nothing. */
export type Reading = Pick<WorkloadContext, 'plan' | 'source' | 'target' | 'signal'>;

/** Whether a kind of workload can hand the pod over. Findings of a usable one are warnings. */
export type Detection<Planned extends PlannedWorkload = PlannedWorkload> =
  | { readonly usable: Planned; readonly findings: readonly Finding[] }
  | { readonly declined: readonly Finding[] };

/** The pod that is made anew after the commit: on which node, and what its images add to its command lines. */
export interface Renewal {
  readonly node: string;
  readonly commandLines: Readonly<Record<string, readonly string[]>>;
}

/**
 * What is done about the pod's owner at each point of a migration, by the step that stands at that point. All are
 * idempotent: tried again after a failure, they finish what is missing. A moment that has nothing to do is left out.
 */
export interface Moments<Planned extends PlannedWorkload> {
  /** Before the freeze, read-only: what `back` needs, for the journal. Throws F344 when the owner is not as planned. */
  capture(context: WorkloadContext, planned: Planned): Promise<Json>;
  /** Before the freeze, while the source serves. */
  prepare(context: WorkloadContext, planned: Planned): Promise<void>;
  /**
   * Right before the freeze, where the pod is made anew: whoever makes it knows how. Yields what later moments need to
   * know of that.
   */
  makeWay(context: WorkloadContext, planned: Planned, renewal: Renewal): Promise<Json>;
  /** Before the commit: takes back `makeWay`, wholly or in part; `made` is null when it did not come to its end. */
  giveBack(context: WorkloadContext, planned: Planned, made: Json): Promise<void>;
  /**
   * The last look before the commit. Throws F344 when somebody has changed the owner or one of its pods. `made`: what
   * `makeWay` has yielded.
   */
  check(context: WorkloadContext, planned: Planned, made: Json): Promise<void>;
  /**
   * After the commit, where the pod is made anew: the pod of that name goes, unless it is the one that is wanted, and
   * one comes on that node. Does not wait for it.
   */
  renew(context: WorkloadContext, planned: Planned, renewal: Renewal): Promise<void>;
  /**
   * After the commit, before anything is waited for: the source pod is deleted, and its owner, which wants one less by
   * then, makes no other. Left out where the owner lets it go only for the one that takes its place.
   */
  giveUp(context: WorkloadContext, planned: Planned): Promise<void>;
  /**
   * In the place of `giveUp` where the source is held: its pod stays, without labels, so that no Service leads to it; its
   * owner lets it go, wants one less and has made no other. Left out where that is not possible: then there is no hold.
   */
  standAside(context: WorkloadContext, planned: Planned): Promise<void>;
  /** Back from a hold, before the source goes on: the target's owner wants one less and has let the target pod go. */
  giveBackTarget(context: WorkloadContext, planned: Planned): Promise<void>;
  /** After that: takes back `standAside`; the source's owner has the pod again. */
  comeBack(context: WorkloadContext, planned: Planned): Promise<void>;
  /** After the commit, the target running: the target's owner has the pod, and has neither made nor deleted another. */
  takeIn(context: WorkloadContext, planned: Planned): Promise<void>;
  /** At the end: what only the move needed goes. */
  finalize(context: WorkloadContext, planned: Planned): Promise<void>;
  /** Before the commit: takes back `prepare`, wholly or in part. */
  back(context: WorkloadContext, planned: Planned, undo: Json): Promise<void>;
}

/** One kind of owner. */
export interface Workload<Planned extends PlannedWorkload = PlannedWorkload> {
  readonly kind: Planned['kind'];
  /** Whether the pod is of this kind; exactly one kind says yes. Pure. */
  owns(facts: OwnerFacts): boolean;
  /** Whether it can be handed over, and how. Pure. */
  detect(facts: OwnerFacts): Detection<Planned>;
  /** Every change to an owner or to the pod's bond with it, the way back included. Pure. */
  effects(draft: PlanDraft, planned: Planned): readonly Effect[];
  readonly moments: Partial<Moments<Planned>>;
}

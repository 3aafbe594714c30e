import type { Effect } from '../domain/effect.ts';
import type { Json } from '../domain/json.ts';
import type { Phase } from '../domain/phase.ts';
import type { Deadlines, Plan, PlanDraft } from '../domain/plan.ts';
import type { Engine, Presence } from '../engines/engine.ts';
import type { ClusterReader, Gateway } from '../kube/ports.ts';
import type { Reporter } from '../report/message.ts';
import type { StepResults } from './results.ts';

/** What every step works with. `results` holds what earlier steps yielded, as the journal has it. */
export interface StepContext {
  readonly plan: Plan;
  readonly source: ClusterReader;
  readonly target: ClusterReader;
  readonly gateway: Gateway;
  readonly engine: Engine;
  readonly reporter: Reporter;
  readonly results: StepResults;
  /** Aborted when the act should stop: interrupt, deadline. */
  readonly signal: AbortSignal;
  /** Says what the step waits for and why it is not there yet. */
  readonly waiting: (why: string) => void;
  /** Says what the user should know of, and what is no reason to stop. */
  readonly warn: (text: string) => void;
  /** Says how much has been copied. */
  readonly copied: (bytes: number, bytesPerSecond: number) => void;
}

/**
 * One act of a migration, as a value. The runner is the only caller of `apply`, `verify` and `revert`.
 * `capture` reads what undo will need; it is written to the journal with the intent, before `apply`.
 * `apply` yields what later steps need; it is written to the journal with the result.
 * `inspect` looks at the clusters for what `apply` has done, whatever the journal says: after a crash it may have written
 * less than was done, or more. Read-only. `partial` as well where that cannot be told.
 * `revert` takes back what `apply` may have done, wholly or in part: idempotent, and right after a crash as well.
 */
export interface Step<Name extends keyof StepResults = keyof StepResults> {
  readonly name: Name;
  readonly phase: Phase;
  /** What it does, as help and progress say it: `start helper pods`. */
  readonly title: string;
  /** Bounds one try of `apply` or `revert`; the flag of that name changes it. */
  readonly deadline: keyof Deadlines;
  /** Bounds one try of `revert`, where that is not the same. */
  readonly revertDeadline?: keyof Deadlines;
  /**
   * Set when an earlier step's way back also takes back whatever this one leaves behind, so that its intent need not be
   * on disk before it begins.
   */
  readonly covered?: (context: StepContext) => boolean;
  /**
   * Steps whose means the way back of this one needs: when it fails, those are left alone, so that somebody can still
   * finish it.
   */
  readonly revertNeeds?: readonly (keyof StepResults)[];
  /** Whether it is part of that plan; a step without this is part of every one. */
  applies?(draft: PlanDraft): boolean;
  plan(draft: PlanDraft): readonly Effect[];
  capture?(context: StepContext): Promise<Json>;
  apply(context: StepContext, undo: Json): Promise<NonNullable<StepResults[Name]>>;
  inspect(context: StepContext): Promise<Presence>;
  verify?(context: StepContext): Promise<void>;
  revert?(context: StepContext, undo: Json): Promise<void>;
}

/** The steps of a plan, in their order. Pure. */
export function stepsOf(steps: readonly Step[], draft: PlanDraft): Step[] {
  return steps.filter((step) => step.applies?.(draft) ?? true);
}

import { asMigrateError, MigrateError } from '../domain/errors.ts';
import { COMMAND } from '../domain/names.ts';
import { isAfterCommit } from '../domain/phase.ts';
import type { Plan } from '../domain/plan.ts';
import { isCommitted, isFinished } from '../domain/standing.ts';
import type { EngineView } from '../engines/engine.ts';
import type { JournalRecord } from '../journal/record.ts';
import type { StepResults } from '../steps/results.ts';
import { sourceChange } from '../steps/source-pod.ts';
import { stepsOf } from '../steps/step.ts';
import { endedAtHome } from '../steps/take-place.ts';
import { type Begun, contextFor, lookingContext, type RunOptions } from './context.ts';
import { expectSource } from './expect-source.ts';
import { expectNotMovedOn } from './moved-on.ts';
import { rollBack } from './roll-back.ts';
import { goForward } from './run.ts';
import { fateOfSource, type SourceFate } from './source-fate.ts';
import { thrownBy } from './taken-over.ts';

/** How a migration that was taken up again ended; after the way back, with what has become of the source. */
export type Ending = { readonly kind: 'moved' | 'held' } | { readonly kind: 'led-back'; readonly source: SourceFate };

/** What a process takes up of a migration that another one left. */
export interface TakenUp extends RunOptions {
  /** The command, for the record. */
  readonly operation: string;
  /** The target’s stopped copy may go although the source has no processes of that time any more. */
  readonly discardTarget?: boolean;
  /** Asked with what is lost to have the held source back; without it nothing may be. */
  readonly acceptLoss?: (loss: string) => Promise<boolean>;
}

/**
 * Brings an unfinished migration to its end: back when it is not committed, forward when it is. The clusters and the
 * engine are looked at before the record is believed. Idempotent: after a complete end it only tidies up.
 * Throws F372 when record and clusters contradict each other, F390 or F391 when the end could not be reached, F348 when the
 * pod goes on where it was after all; F371 or F315 with outcome `midway` when somebody else takes it up meanwhile.
 */
export async function resume(options: TakenUp): Promise<Ending> {
  return takenUp(options, async (record, view) => {
    if (record.state === 'committed') return forward(options, record);
    if (record.state === 'held') return isOver(record) ? forward(options, record) : { kind: 'held' };
    return back(options, record, view);
  });
}

/**
 * Leads an unfinished migration back, also from a hold. Throws F373 when it is committed and the source is not held, or has
 * ended so: then there is no way back; and for a held one unless the loss is accepted.
 */
export async function rollBackUnfinished(options: TakenUp): Promise<Ending> {
  const ending = await takenUp(options, async (record, view) => {
    if (record.state === 'committed') throw committed(options);
    if (record.state === 'held') return backFromHold(options, record, view);
    return back(options, record, view);
  });
  if (ending.kind === 'moved') throw hasMoved(options);
  return ending;
}

/** Goes forward to the end of a committed migration. Throws F373 when it is not committed, or was led back. */
export async function finalizeCommitted(options: TakenUp): Promise<Ending> {
  const ending = await takenUp(options, async (record) => {
    if (record.state !== 'committed' && record.state !== 'held') throw notCommitted(options);
    const ending = await forward(options, record);
    return ending.kind === 'held' ? forward(options, options.journal.record()) : ending;
  });
  if (ending.kind === 'led-back') throw wasLedBack(options);
  return ending;
}

async function takenUp(
  options: TakenUp,
  act: (record: JournalRecord, view: EngineView) => Promise<Ending>,
): Promise<Ending> {
  const { journal, context, operation, lock } = options;
  try {
    const { state } = journal.record();
    if (state === 'rolled-back' || state === 'done') return await tidyUp(options, state);
    // Whoever wrote to the record before can no longer: should they still be at work, their next write stops them.
    const { takenFrom, unasked } = lock;
    const from = takenFrom.map((holder) => ({ ...holder }));
    const data = { operation, from, ...(unasked.length > 0 && { unasked: [...unasked] }) };
    await journal.append([{ step: 'lock', kind: 'resumed', data }]);
    const looking = lookingContext(options, resultsOf(journal.record()));
    await context.engine.attach(looking);
    const view = await context.engine.look(looking);
    expectAgreement(journal.record(), view, options);
    // Its result is written right before the record says so: whoever died in between has held it all the same.
    if (journal.record().state === 'committed' && heldIn(journal.record())) await journal.close('held');
    return await act(journal.record(), view);
  } catch (error) {
    throw leftMidway(options, thrownBy(options, error));
  } finally {
    context.engine.close();
    await lock.leave();
  }
}

/**
 * Of a migration that has not ended nobody may say that its source serves, as the outcome `failed` does: it may be frozen,
 * held or gone.
 */
function leftMidway({ context, journal, operation }: TakenUp, error: unknown): unknown {
  const { code, detail, remedy, outcome } = asMigrateError(error);
  if (outcome !== 'failed' || isFinished(journal.record().state)) return error;
  const next = `${COMMAND} ${operation} ${context.plan.id}`;
  return new MigrateError(code, { detail, remedy: `${remedy}; then: ${next}`, outcome: 'midway', cause: error });
}

/** The end was reached; only what is left of the migration itself goes. */
async function tidyUp(options: TakenUp, state: 'rolled-back' | 'done'): Promise<Ending> {
  const { forget, lock } = options;
  const signal = new AbortController().signal;
  if (state === 'done') await lock.remove(signal);
  else await forget(signal);
  return state === 'done' ? moved(options) : { kind: 'led-back', source: await fateOfSource(options.context) };
}

/** Throws F348 where the pod could only be restored where it was: that is an end, and not the one that was wanted. */
function moved({ context: { plan }, journal }: RunOptions): Ending {
  const atHome = endedAtHome(plan, resultsOf(journal.record()).place);
  if (atHome) throw atHome;
  return { kind: 'moved' };
}

/** What the steps yielded, as the record has it. */
export function resultsOf(record: JournalRecord): StepResults {
  const done = record.entries.filter(({ kind }) => kind === 'done' || kind === 'commit');
  return Object.fromEntries(done.map(({ step, data }) => [step, data ?? {}])) as StepResults;
}

/** What undo needs of each step, as it was recorded with its intent. */
function undoOf(record: JournalRecord): ReadonlyMap<string, Begun['undo']> {
  const intents = record.entries.filter(({ kind }) => kind === 'intent');
  return new Map(intents.map(({ step, data }) => [step, data ?? null]));
}

/**
 * A source that was released proves a commit, whatever the record says; so does a target that runs, with most engines. A
 * source that was let go on proves that there is none.
 */
function expectAgreement(record: JournalRecord, view: EngineView, { context }: RunOptions): void {
  const { source, target } = context.plan;
  if (isCommitted(record.state)) {
    if (view.source === 'thawed') throw contradiction(context.plan, record, view, 'the source goes on', source);
    return;
  }
  const targetProves = view.target === 'running' && !context.engine.runsOnRestore;
  if (heldIn(record) || (!targetProves && view.source !== 'released')) return;
  throw contradiction(context.plan, record, view, 'the move is committed', target);
}

function contradiction(
  { id }: Plan,
  { state }: JournalRecord,
  view: EngineView,
  what: string,
  only: Plan['source'] | Plan['target'],
): MigrateError {
  return new MigrateError('F372', {
    detail: `the record of ${id} says ${state}, and the helpers say that ${what}: source ${view.source}, target ${view.target}`,
    remedy: `do not touch pod ${only.namespace}/${only.pod} of ${only.context}, it may be the only copy; look at every copy of the record: ${COMMAND} describe ${id}`,
    outcome: 'midway',
  });
}

/** Everything that may be there is taken back: what the record announces, and what the clusters show beyond it. */
async function back(options: TakenUp, record: JournalRecord, view: EngineView): Promise<Ending> {
  const results = resultsOf(record);
  const { context, discardTarget } = options;
  if (heldIn(record)) await expectNotMovedOn(options, results);
  expectSource(options, await fateOfSource(options.context), view.target, discardTarget);
  const undo = undoOf(record);
  const begun: Begun[] = [];
  for (const step of stepsOf(options.steps, context.plan)) {
    if (!step.revert || (isAfterCommit(step.phase) && !heldIn(record))) continue;
    const looking = lookingContext(options, results);
    // What cannot be looked at now is tried all the same; then the failure names it.
    const there = undo.has(step.name) || (await step.inspect(looking).catch(() => 'partial')) !== 'absent';
    if (!there) continue;
    begun.push({ step, undo: undo.get(step.name) ?? null });
  }
  return { kind: 'led-back', source: await rollBack(options, begun, results) };
}

async function forward(options: TakenUp, record: JournalRecord): Promise<Ending> {
  const results = resultsOf(record);
  const text = 'committed, as the record says: going on to the end';
  options.context.reporter.notify({ code: 'I408', phase: 'commit', text });
  const missing = [];
  for (const step of stepsOf(options.steps, options.context.plan).filter(({ phase }) => isAfterCommit(phase))) {
    const context = contextFor(options, step, results, true);
    const there = await step.inspect(context).catch(() => 'partial' as const);
    // Steps that are gone through again may start helpers anew.
    const again = step.phase === 'finalize' && missing.length > 0;
    if (there !== 'done' || again) missing.push(step);
  }
  await goForward(options, missing, results);
  return options.journal.record().state === 'held' ? { kind: 'held' } : moved(options);
}

/** Until when the source is or was to be held, as the record has it; undefined for one that never was. Pure. */
export function heldIn(record: JournalRecord): string | undefined {
  return resultsOf(record).hold?.until;
}

function isOver(record: JournalRecord): boolean {
  const until = heldIn(record);
  return until !== undefined && Date.parse(until) <= Date.now();
}

/** The source goes on as it was at the freeze. What the target did since the commit goes, and somebody has to say that it may. */
async function backFromHold(options: TakenUp, record: JournalRecord, view: EngineView): Promise<Ending> {
  const { context, journal, acceptLoss } = options;
  const change = await sourceChange({ ...context, signal: new AbortController().signal });
  if (change !== undefined) throw nothingToGoBackTo(options, change);
  await expectNotMovedOn(options, resultsOf(record));
  const loss = lossOf(options, record);
  if (!(await acceptLoss?.(loss))) throw lossNotAccepted(options, loss);
  // From here on there is only the way back, whoever takes it up.
  await journal.close('rollback-incomplete');
  return back(options, journal.record(), view);
}

/** Exactly what the way back from a hold loses, and what is there afterwards. */
function lossOf({ context: { plan } }: RunOptions, record: JournalRecord): string {
  const { pod, context, node } = plan.target;
  const since = record.entries.find(({ kind }) => kind === 'commit')?.time ?? 'the commit';
  return `${pod} has served from ${context}/${node} since ${since}. Everything since then is lost: what it wrote to memory and files, and what it answered its clients. ${plan.source.pod} goes on in ${plan.source.context}/${plan.source.node} as it was at the freeze`;
}

function lossNotAccepted({ context: { plan } }: RunOptions, loss: string): MigrateError {
  return new MigrateError('F373', {
    detail: loss,
    remedy: `if that may be lost: ${COMMAND} rollback ${plan.id} --accept-loss; to keep it: ${COMMAND} finalize ${plan.id}`,
    outcome: 'declined',
  });
}

function nothingToGoBackTo({ context: { plan } }: RunOptions, change: string): MigrateError {
  return new MigrateError('F373', {
    detail: `${change} while it was held, and its processes went with that: there is nothing to go back to; ${plan.target.pod} serves from ${plan.target.context}/${plan.target.node}`,
    remedy: `end the hold: ${COMMAND} finalize ${plan.id}`,
    outcome: 'declined',
  });
}

function committed({ context: { plan } }: RunOptions): MigrateError {
  const { pod, context, node } = plan.target;
  return new MigrateError('F373', {
    detail: `${plan.id} is committed: ${pod} has run or is about to run in ${context}/${node}, and what it did since would be lost`,
    remedy: `go forward: ${COMMAND} resume ${plan.id}; to have it back, move it back as it is then`,
    outcome: 'declined',
  });
}

function hasMoved({ context: { plan } }: RunOptions): MigrateError {
  const { pod, context, node } = plan.target;
  return new MigrateError('F373', {
    detail: `${plan.id} has ended: ${pod} serves from ${context}/${node}, and nothing is left in ${plan.source.context} to go back to`,
    remedy: `to have it back, move it back as it is; to remove the record: ${COMMAND} cleanup ${plan.id}`,
    outcome: 'declined',
  });
}

function wasLedBack({ context: { plan } }: RunOptions): MigrateError {
  return new MigrateError('F373', {
    detail: `${plan.id} has ended: it was led back, and there is nothing to finalize`,
    remedy: `to see where ${plan.source.pod} is: kubectl --context ${plan.source.context} -n ${plan.source.namespace} get pods`,
    outcome: 'declined',
  });
}

function notCommitted({ context: { plan } }: RunOptions): MigrateError {
  return new MigrateError('F373', {
    detail: `${plan.id} is not committed: there is nothing to finalize`,
    remedy: `lead it back: ${COMMAND} resume ${plan.id}`,
    outcome: 'declined',
  });
}

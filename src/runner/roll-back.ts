import { asMigrateError, isTakenOver, MigrateError } from '../domain/errors.ts';
import { COMMAND } from '../domain/names.ts';
import type { NewEntry } from '../journal/ports.ts';
import type { StepResults } from '../steps/results.ts';
import type { Step } from '../steps/step.ts';
import { type Begun, contextFor, type RunOptions } from './context.ts';
import { withDeadline } from './deadline.ts';
import { fateOfSource, newsOf, type SourceFate } from './source-fate.ts';
import { within } from './within.ts';

/** How often a step is tried to be taken back before it counts as left. */
const BACK_TRIES = 3;
/** Pause before a new try, in ms. */
const BACK_PAUSE_MS = 1000;
/** How long the way back waits for the record to take a note, in ms. */
const JOURNAL_MS = 1000;

/**
 * Leads back: undoes every step that was begun, the last one first. One that cannot be undone does not keep the others
 * from it, except those that it needs. Yields what has become of the source. Throws F390 naming what is left, or may come
 * yet of a write without an answer, when the way back could not be finished, and F371 or F315 as soon as it is known that
 * somebody else has the migration: whoever that is leads it back, or has.
 */
export async function rollBack(
  options: RunOptions,
  begun: readonly Begun[],
  results: StepResults,
  reason?: MigrateError,
): Promise<SourceFate> {
  const { lock } = options;
  const { reporter } = options.context;
  const note = notesFor(options);
  const { gateway } = options.context;
  // What is made only after it was looked for would stay.
  await gateway.landed();
  const left = new Set<MigrateError>();
  const kept = new Set<string>();
  for (const { step, undo } of begun.toReversed()) {
    if (!step.revert || kept.has(step.name)) continue;
    try {
      await note(step, 'revert-intent');
      await takeBack(options, { step, undo }, results);
      await note(step, 'reverted');
      reporter.notify({ code: 'I405', phase: step.phase, step: step.name, text: `taken back: ${step.title}` });
    } catch (error) {
      if (isTakenOver(error)) throw error;
      left.add(asMigrateError(error));
      for (const name of step.revertNeeds ?? []) kept.add(name);
      await note(step, 'revert-failed');
    }
  }
  for (const { error } of await gateway.landed()) left.add(error);
  if (left.size > 0) {
    const journal = await closed(options, 'rollback-incomplete');
    await tellEnd(options, false);
    throw incomplete(options, { reason, left: [...left], kept, journal });
  }
  await closed(options, 'rolled-back');
  try {
    await options.forget(lock.lost);
  } catch (error) {
    if (isTakenOver(error)) throw error;
    await tellEnd(options, false);
    throw incomplete(options, { reason, left: [asMigrateError(error)], kept });
  }
  return tellEnd(options, true);
}

/**
 * Notes in the record what the way back does. A refusal because the record is somebody else’s is thrown, at the latest by
 * the next note. A record that cannot be reached, or takes long, must not keep a source frozen: what undo needs was
 * recorded with the intent, nobody but this process can commit the move, and no write to a cluster is sent while it is not
 * known whose lock it is.
 */
function notesFor({ journal }: RunOptions) {
  let refusal: unknown;
  return async (step: Step, kind: NewEntry['kind']): Promise<void> => {
    const written = journal.append([{ step: step.name, kind }]).catch((error: unknown) => {
      if (isTakenOver(error)) refusal = error;
    });
    await within(JOURNAL_MS, written);
    if (refusal !== undefined) throw refusal;
  };
}

/**
 * The last words of a way back, complete or not. Somebody may have removed or restarted the source, which then does not
 * serve as before.
 */
async function tellEnd(options: RunOptions, isComplete: boolean): Promise<SourceFate> {
  const { plan, reporter } = options.context;
  const fate = await fateOfSource(options.context);
  const news = newsOf(plan, fate);
  if (news === undefined) {
    if (isComplete) reporter.notify({ code: 'I410', text: 'everything is as it was: the source serves' });
    return fate;
  }
  const data = fate.unknown ? { unknown: news } : { change: news };
  const all = fate.unknown ? 'all is taken back' : 'everything is as it was but the source';
  if (isComplete) reporter.notify({ code: 'I410', text: `${all}: ${news}`, data });
  else reporter.notify({ code: 'W421', text: news, data });
  return fate;
}

/** Taking back is idempotent, so it is tried again; an interrupt does not reach it, a lost lock does. */
async function takeBack(options: RunOptions, { step, undo }: Begun, results: StepResults): Promise<void> {
  const { plan, reporter } = options.context;
  const context = contextFor(options, step, results, true);
  const deadline = step.revertDeadline ?? step.deadline;
  for (let tries = 1; ; tries++) {
    try {
      await withDeadline(async (signal) => step.revert?.({ ...context, signal }, undo), {
        name: `taking back: ${step.title}`,
        deadline,
        ms: plan.deadlines[deadline],
        signal: context.signal,
      });
      return;
    } catch (error) {
      if (tries >= BACK_TRIES || isTakenOver(error)) throw error;
      await context.gateway.landed();
      const why = asMigrateError(error);
      reporter.notify({
        code: 'W422',
        step: step.name,
        text: `taking back: ${step.title}: ${why.detail}; trying again`,
      });
      await new Promise((resolve) => setTimeout(resolve, BACK_PAUSE_MS));
    }
  }
}

/** What kept the record from being closed; throws what says that it is somebody else’s. */
async function closed({ journal }: RunOptions, state: 'rolled-back' | 'rollback-incomplete'): Promise<unknown> {
  return journal.close(state).catch((error: unknown) => {
    if (isTakenOver(error)) throw error;
    return error;
  });
}

interface Left {
  /** Why the way back was taken; undefined when an earlier process had left it. */
  readonly reason: MigrateError | undefined;
  readonly left: readonly MigrateError[];
  readonly kept: ReadonlySet<string>;
  /** What kept the journal from being closed. */
  readonly journal?: unknown;
}

function incomplete({ context: { plan } }: RunOptions, { reason, left, kept, journal }: Left): MigrateError {
  const details = left.map((error) => `${error.message}: ${error.detail} (${error.remedy})`);
  if (kept.has('helpers')) details.push('the helper pods were left running: they are needed to let the source go on');
  if (journal !== undefined) details.push(`the journal: ${asMigrateError(journal).detail}`);
  const why = reason ? `the move failed (${reason.message}: ${reason.detail}) and not` : 'not';
  return new MigrateError('F390', {
    detail: `${why} everything could be taken back:\n${details.join('\n')}`,
    remedy: `mend what is named above, then: ${COMMAND} resume ${plan.id}`,
    outcome: 'rollbackIncomplete',
    ...(reason && { cause: reason }),
  });
}

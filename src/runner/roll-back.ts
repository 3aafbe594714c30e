import { asMigrateError, MigrateError } from '../domain/errors.ts';
import { COMMAND } from '../domain/names.ts';
import type { StepResults } from '../steps/results.ts';
import { type Begun, contextFor, type RunOptions } from './context.ts';
import { withDeadline } from './deadline.ts';

/** How often a step is tried to be taken back before it counts as left. */
const BACK_TRIES = 3;
/** Pause before a new try, in ms. */
const BACK_PAUSE_MS = 1000;

/**
 * Leads back: undoes every step that was begun, the last one first. One that cannot be undone does not keep the others
 * from it, except those that it needs. Throws F390 naming what is left when the way back could not be finished.
 */
export async function rollBack(
  options: RunOptions,
  begun: readonly Begun[],
  results: StepResults,
  reason?: MigrateError,
): Promise<void> {
  const { journal } = options;
  const { reporter } = options.context;
  const left: MigrateError[] = [];
  const kept = new Set<string>();
  for (const { step, undo } of begun.toReversed()) {
    if (!step.revert || kept.has(step.name)) continue;
    try {
      // What undo needs was recorded with the intent; a journal that cannot be reached must not keep the source frozen.
      const noted = journal.append([{ step: step.name, kind: 'revert-intent' }]).catch(() => undefined);
      await takeBack(options, { step, undo }, results);
      await noted;
      await journal.append([{ step: step.name, kind: 'reverted' }]).catch(() => undefined);
      reporter.notify({ code: 'I405', phase: step.phase, step: step.name, text: `taken back: ${step.title}` });
    } catch (error) {
      left.push(asMigrateError(error));
      for (const name of step.revertNeeds ?? []) kept.add(name);
      await journal.append([{ step: step.name, kind: 'revert-failed' }]).catch(() => undefined);
    }
  }
  if (left.length > 0)
    throw incomplete(options, { reason, left, kept, journal: await closed(options, 'rollback-incomplete') });
  await closed(options, 'rolled-back');
  try {
    await options.forget(new AbortController().signal);
  } catch (error) {
    throw incomplete(options, { reason, left: [asMigrateError(error)], kept });
  }
  reporter.notify({ code: 'I410', text: 'everything is as it was: the source serves' });
}

/** Taking back is idempotent, so it is tried again; an interrupt does not reach it. */
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
        signal: new AbortController().signal,
      });
      return;
    } catch (error) {
      if (tries >= BACK_TRIES) throw error;
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

async function closed({ journal }: RunOptions, state: 'rolled-back' | 'rollback-incomplete'): Promise<unknown> {
  return journal.close(state).catch((error: unknown) => error);
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

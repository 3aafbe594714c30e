import { asMigrateError, MigrateError } from '../domain/errors.ts';
import type { StepResults } from '../steps/results.ts';
import { type Begun, contextFor, type RunOptions } from './context.ts';
import { withDeadline } from './deadline.ts';

/**
 * Leads back: undoes every step that was begun, the last one first. One that cannot be undone does not keep the others
 * from it. Throws F390 naming what is left when the way back could not be finished.
 */
export async function rollBack(
  options: RunOptions,
  begun: readonly Begun[],
  results: StepResults,
  reason: MigrateError,
): Promise<void> {
  const { journal } = options;
  const { reporter, plan } = options.context;
  const left: MigrateError[] = [];
  for (const { step, undo } of begun.toReversed()) {
    const revert = step.revert;
    if (!revert) continue;
    const ownSignal = new AbortController().signal;
    try {
      // What undo needs was recorded with the intent; a journal that cannot be reached must not keep the source frozen.
      const noted = journal.append([{ step: step.name, kind: 'revert-intent' }]).catch(() => undefined);
      const context = contextFor(options, step, results, true);
      await withDeadline((signal) => revert.call(step, { ...context, signal }, undo), {
        name: `taking back: ${step.title}`,
        deadline: step.deadline,
        ms: plan.deadlines[step.deadline],
        signal: ownSignal,
      });
      await noted;
      await journal.append([{ step: step.name, kind: 'reverted' }]).catch(() => undefined);
      reporter.notify({ code: 'I405', phase: step.phase, step: step.name, text: `taken back: ${step.title}` });
    } catch (error) {
      left.push(asMigrateError(error));
      await journal.append([{ step: step.name, kind: 'revert-failed' }]).catch(() => undefined);
    }
  }
  options.context.engine.close();
  if (left.length > 0) throw incomplete(reason, left, await closed(options, 'rollback-incomplete'));
  await closed(options, 'rolled-back');
  try {
    await options.forget(new AbortController().signal);
  } catch (error) {
    throw incomplete(reason, [asMigrateError(error)], undefined);
  }
  reporter.notify({ code: 'I410', text: 'everything is as it was: the source serves' });
}

async function closed({ journal }: RunOptions, state: 'rolled-back' | 'rollback-incomplete'): Promise<unknown> {
  return journal.close(state).catch((error: unknown) => error);
}

function incomplete(reason: MigrateError, left: readonly MigrateError[], journal: unknown): MigrateError {
  const details = left.map((error) => `${error.message}: ${error.detail} (${error.remedy})`);
  if (journal !== undefined) details.push(`the journal: ${asMigrateError(journal).detail}`);
  return new MigrateError('F390', {
    detail: `the move failed (${reason.message}: ${reason.detail}) and not everything could be taken back:\n${details.join('\n')}`,
    remedy: 'do by hand what is named above; the effects marked as way back in the plan list every object',
    outcome: 'rollbackIncomplete',
    cause: reason,
  });
}

import { asMigrateError, MigrateError } from '../domain/errors.ts';
import type { Json } from '../domain/json.ts';
import { COMMAND } from '../domain/names.ts';
import { isAfterCommit } from '../domain/phase.ts';
import type { StepResults } from '../steps/results.ts';
import type { Step, StepContext } from '../steps/step.ts';
import { Chronicle } from './chronicle.ts';
import { type Begun, contextFor, type RunOptions } from './context.ts';
import { withDeadline } from './deadline.ts';
import { rollBack } from './roll-back.ts';

/** How often an act after the commit is tried again before the run stops midway. */
const FORWARD_TRIES = 5;
/** Pause before the n-th new try, in ms. */
const FORWARD_PAUSE_MS = 1000;

/**
 * Carries out a plan. Every act is announced to the journal and its result recorded (see Chronicle). A failure before the commit leads back; afterwards acts are tried again, for they can only go forward.
 * Throws the failure that ended the run: outcome `failed` or `interrupted` when the source serves as before,
 * `rollbackIncomplete` when the way back needs hands, `midway` when the move is committed and not finished.
 */
export async function run(options: RunOptions): Promise<StepResults> {
  const results: StepResults = {};
  const begun: Begun[] = [];
  const chronicle = new Chronicle(options.journal);
  let committed = false;
  const announce = () => {
    const text = committed ? 'interrupted after the commit: going on to the end' : 'interrupted: turning back';
    options.context.reporter.notify({ code: 'I411', text });
  };
  options.interrupt.addEventListener('abort', announce, { once: true });
  try {
    await noteTakeover(options);
    for (const step of options.steps) {
      const context = contextFor(options, step, results, committed);
      const undo = (await step.capture?.(context)) ?? null;
      // The commit is its own announcement; after it a resume goes through every step that is left, noted or not.
      if (step.phase !== 'commit') await chronicle.intend(step, undo, committed || step.covered?.(context) === true);
      begun.push({ step, undo });
      const result = await perform(options, step, context, undo);
      Object.assign(results, { [step.name]: result });
      if (step.phase === 'commit') {
        await chronicle.commit(result as Json);
        committed = true;
        const text = 'committed: the source never runs again';
        options.context.reporter.notify({ code: 'I408', phase: 'commit', text });
      } else {
        chronicle.done(step, result as Json);
      }
    }
    await chronicle.close();
    await unlock(options);
    return results;
  } catch (thrown) {
    const error = asMigrateError(thrown);
    if (committed || error.outcome === 'midway') throw stoppedMidway(error, committed);
    const failed = begun.at(-1)?.step;
    if (failed) {
      const { phase, name, title } = failed;
      options.context.reporter.notify({ code: 'I404', phase, step: name, text: `${title}: failed; turning back` });
      // Not waited for: a journal that is slow must not keep the source frozen.
      void chronicle.failed(failed, error);
    }
    await rollBack(options, begun, results, error);
    throw error;
  } finally {
    options.interrupt.removeEventListener('abort', announce);
    await options.lock.leave();
  }
}

/** Whoever took somebody else's lock says so in the record. */
async function noteTakeover({ lock, journal }: RunOptions): Promise<void> {
  if (lock.takenFrom.length === 0) return;
  await journal.append([{ step: 'lock', kind: 'taken-over', data: lock.takenFrom.map((holder) => ({ ...holder })) }]);
}

/** The move is done whether or not this succeeds. */
async function unlock({ lock, context }: RunOptions): Promise<void> {
  try {
    await lock.remove(new AbortController().signal);
  } catch (error) {
    const { detail } = asMigrateError(error);
    const text = `the lock of this migration could not be removed: ${detail}; ${COMMAND} cleanup ${context.plan.id} does that`;
    context.reporter.notify({ code: 'W421', text });
  }
}

/** One step, once before the commit, and again and again after it. */
async function perform(options: RunOptions, step: Step, context: StepContext, undo: Json): Promise<unknown> {
  const { reporter, plan } = options.context;
  const started = Date.now();
  reporter.notify({ code: 'I402', phase: step.phase, step: step.name, text: step.title });
  for (let tries = 1; ; tries++) {
    try {
      const result = await withDeadline(
        async (signal) => {
          const bound = { ...context, signal };
          const yielded = await step.apply(bound, undo);
          await step.verify?.(bound);
          return yielded;
        },
        { name: step.title, deadline: step.deadline, ms: plan.deadlines[step.deadline], signal: context.signal },
      );
      const ms = Date.now() - started;
      reporter.notify({
        code: 'I403',
        phase: step.phase,
        step: step.name,
        text: `${step.title}: done in ${(ms / 1000).toFixed(2)} s`,
        data: { ms },
      });
      return result;
    } catch (error) {
      if (!isAfterCommit(step.phase) || tries >= FORWARD_TRIES) throw error;
      const why = asMigrateError(error);
      reporter.notify({ code: 'W422', step: step.name, text: `${step.title}: ${why.detail}; trying again` });
      await new Promise((resolve) => setTimeout(resolve, FORWARD_PAUSE_MS * tries));
    }
  }
}

function stoppedMidway(error: MigrateError, committed: boolean): MigrateError {
  const state = committed
    ? 'the target runs or is about to, the source never runs again; what is missing'
    : 'nobody knows whether the commit was written, so neither side runs until that is known; what happened';
  return new MigrateError('F391', {
    detail: `${state}: ${error.message}: ${error.detail}`,
    remedy: `${error.remedy}; the plan’s effects of the phases switch and finalize name what is left to do by hand`,
    outcome: 'midway',
    cause: error,
  });
}

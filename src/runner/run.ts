import { asMigrateError, isTakenOver, MigrateError } from '../domain/errors.ts';
import type { Json } from '../domain/json.ts';
import { COMMAND } from '../domain/names.ts';
import { isAfterCommit } from '../domain/phase.ts';
import { SIDES } from '../domain/refs.ts';
import type { StepResults } from '../steps/results.ts';
import { type Step, type StepContext, stepsOf } from '../steps/step.ts';
import { Chronicle } from './chronicle.ts';
import { type Begun, contextFor, lookingContext, type RunOptions } from './context.ts';
import { withDeadline } from './deadline.ts';
import { expectSource } from './expect-source.ts';
import { rollBack } from './roll-back.ts';
import { fateOfSource, newsOf, type SourceFate } from './source-fate.ts';
import { thrownBy } from './taken-over.ts';
import { within } from './within.ts';

/** How long an act after the commit is tried again before the run stops midway, in ms: an API server may restart meanwhile. */
const FORWARD_MS = 60_000;
/** Pause before the n-th new try, in ms, and the longest. */
const FORWARD_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 5000;
/** How long an act or the way back waits for a look at what others may have done, in ms: the source may be frozen. */
const LOOK_MS = 2000;

/**
 * Carries out a plan. Every act is announced to the journal and its result recorded (see Chronicle). A failure before
 * the commit leads back; afterwards acts are tried again, for they can only go forward.
 * Throws the failure that ended the run: outcome `failed` or `interrupted` when all was led back, `rollbackIncomplete` when
 * the way back needs another try, `midway` when the move is committed and not finished, when nothing is taken back because
 * the target holds the only copy (F344), or when somebody else has the migration by now (F371, F315).
 */
export async function run(options: RunOptions): Promise<StepResults> {
  const results: StepResults = {};
  const chronicle = new Chronicle(options.journal);
  const steps = stepsOf(options.steps, options.context.plan);
  const at = steps.findIndex(({ phase }) => phase === 'commit') + 1;
  let committed = false;
  const announce = () => {
    if (isTakenOver(options.interrupt.reason)) return;
    const text = committed ? 'interrupted after the commit: going on to the end' : 'interrupted: turning back';
    options.context.reporter.notify({ code: 'I411', text });
  };
  options.interrupt.addEventListener('abort', announce, { once: true });
  try {
    await noteTakeover(options);
    await goToCommit(options, steps.slice(0, at), results, chronicle);
    committed = true;
    await goForward(options, steps.slice(at), results, chronicle);
    return results;
  } catch (error) {
    throw thrownBy(options, error);
  } finally {
    options.interrupt.removeEventListener('abort', announce);
    options.context.engine.close();
    await options.lock.leave();
  }
}

/** Every step up to the commit; leads back when one fails. */
async function goToCommit(
  options: RunOptions,
  steps: readonly Step[],
  results: StepResults,
  chronicle: Chronicle,
): Promise<void> {
  const begun: Begun[] = [];
  try {
    await goThrough(options, steps, { results, chronicle, begun });
    const text = 'committed: the source never runs again';
    options.context.reporter.notify({ code: 'I408', phase: 'commit', text });
  } catch (thrown) {
    const error = asMigrateError(thrown);
    if (isTakenOver(error)) throw error;
    if (error.outcome === 'midway') throw stoppedMidway(options, error, false);
    const obstacle = await noWayBack(options, begun, results);
    const failed = begun.at(-1)?.step;
    if (failed) {
      const { phase, name, title } = failed;
      const text = obstacle ? `${title}: failed` : `${title}: failed; turning back`;
      options.context.reporter.notify({ code: 'I404', phase, step: name, text });
      const noted = chronicle.failed(failed, error);
      if (obstacle) await noted;
      // Not waited for: a journal that is slow must not keep the source frozen; whose it is, the way back hears itself.
      else noted.catch(() => undefined);
    }
    if (obstacle) throw obstacle;
    const fate = await rollBack(options, begun, results, error);
    throw error.outcome === 'interrupted' ? ledBack(options, error, fate) : error;
  }
}

/**
 * F344 where the target holds the only copy, or may, for it cannot be asked; undefined where it does not, and where the
 * source cannot be looked at in time: it may be frozen, and only the way back lets it go on.
 */
async function noWayBack(
  options: RunOptions,
  begun: readonly Begun[],
  results: StepResults,
): Promise<MigrateError | undefined> {
  if (!begun.some(({ step }) => step.name === 'restore')) return undefined;
  const over = new AbortController();
  const context = { ...lookingContext(options, results), signal: over.signal };
  try {
    const fate = await within(LOOK_MS, fateOfSource(context, over.signal));
    if (fate?.change === undefined) return undefined;
    const view = await within(LOOK_MS, context.engine.look(context)).catch(() => undefined);
    expectSource(options, fate, view?.target ?? 'unknown');
    return undefined;
  } catch (error) {
    return asMigrateError(error);
  } finally {
    over.abort();
  }
}

/**
 * One step after the other, each announced and noted; `begun` and `results` are filled in on the way. Throws what ends one
 * of them.
 */
export async function goThrough(
  options: RunOptions,
  steps: readonly Step[],
  way: { readonly results: StepResults; readonly chronicle: Chronicle; readonly begun: Begun[] },
): Promise<void> {
  const { results, chronicle, begun } = way;
  for (const step of steps) {
    const context = contextFor(options, step, results, false);
    const undo = (await step.capture?.(context)) ?? null;
    // The commit is its own announcement.
    if (step.phase !== 'commit') await chronicle.intend(step, undo, step.covered?.(context) === true);
    begun.push({ step, undo });
    const result = await perform(options, step, context, undo);
    Object.assign(results, { [step.name]: result });
    if (step.phase === 'commit') await chronicle.commit(result as Json);
    else chronicle.done(step, result as Json);
  }
}

/**
 * Carries out steps after the commit and ends the record; where the source is to be held, the record says so and the rest
 * is left for later. No interrupt reaches it. Throws F391 with outcome `midway` when one of them cannot be done, and at once
 * what says that somebody else has the migration.
 */
export async function goForward(
  options: RunOptions,
  steps: readonly Step[],
  results: StepResults,
  chronicle = new Chronicle(options.journal),
): Promise<void> {
  try {
    for (const step of steps) {
      const context = contextFor(options, step, results, true);
      const undo = (await step.capture?.(context)) ?? null;
      // A resume goes through every step after the commit, noted or not: a journal that fails must not stop the target.
      await chronicle.intend(step, undo, true);
      const result = await perform(options, step, context, undo);
      Object.assign(results, { [step.name]: result });
      chronicle.done(step, result as Json);
      // The lock stays with the migration: nobody else may move the pod until it has ended.
      if (step.phase === 'hold') return await chronicle.close('held');
    }
    await chronicle.close();
    await unlock(options);
  } catch (error) {
    throw isTakenOver(error) ? error : stoppedMidway(options, asMigrateError(error), true);
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
  let paused = 0;
  for (let tries = 1; ; tries++) {
    try {
      await hearWhoseItIs(options);
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
      const isOver = tries > 1 && Math.max(Date.now() - started, paused) >= FORWARD_MS;
      if (!isAfterCommit(step.phase) || isOver || isTakenOver(error)) throw error;
      const why = asMigrateError(error);
      reporter.notify({ code: 'W422', step: step.name, text: `${step.title}: ${why.detail}; trying again` });
      const pause = Math.min(FORWARD_PAUSE_MS * tries, LONGEST_PAUSE_MS);
      await pauseFor(pause, options.lock.lost);
      paused += pause;
    }
  }
}

/**
 * Whoever slept hears before an act whether the migration is still theirs: then F371. What is asked of helpers needs no
 * API server, so where none answers the act begins all the same; writes to a cluster wait for its answer.
 */
async function hearWhoseItIs({ lock }: RunOptions): Promise<void> {
  const confirmed = SIDES.map((side) =>
    lock.confirm(side).catch((error: unknown) => {
      if (isTakenOver(error)) throw error;
    }),
  );
  await within(LOOK_MS, Promise.all(confirmed));
}

/** Throws F371 as soon as the lock is lost. */
async function pauseFor(ms: number, lost: AbortSignal): Promise<void> {
  lost.throwIfAborted();
  const over = new AbortController();
  const whenLost = new Promise<never>((_resolve, reject) => {
    lost.addEventListener('abort', () => reject(lost.reason), { once: true, signal: over.signal });
  });
  await within(ms, whenLost).finally(() => over.abort());
}

/** An interrupt is told with the state that it left both clusters in. */
function ledBack({ context: { plan } }: RunOptions, error: MigrateError, fate: SourceFate): MigrateError {
  const { source, target } = plan;
  const stands = newsOf(plan, fate) ?? `${source.pod} serves from ${source.context}/${source.node} as before`;
  return new MigrateError(error.code, {
    detail: `${error.detail}: the move is led back; ${stands}, and nothing of the move is left in ${target.context}`,
    remedy: error.remedy,
    outcome: error.outcome,
    cause: error,
  });
}

function stoppedMidway({ context }: RunOptions, error: MigrateError, committed: boolean): MigrateError {
  const state = committed
    ? 'the target runs or is about to, the source never runs again; what is missing'
    : 'nobody knows whether the commit was written, so neither side runs until that is known; what happened';
  return new MigrateError('F391', {
    detail: `${state}: ${error.message}: ${error.detail}`,
    remedy: `${error.remedy}; then: ${COMMAND} resume ${context.plan.id}`,
    outcome: 'midway',
    cause: error,
  });
}

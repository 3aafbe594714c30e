import type { AuditEntry } from '../src/audit/entry.ts';
import { MigrateError, type Outcome } from '../src/domain/errors.ts';
import { COMMAND } from '../src/domain/names.ts';
import type { Plan } from '../src/domain/plan.ts';
import { afterHold } from '../src/domain/standing.ts';
import type { JournalRecord } from '../src/journal/record.ts';
import { type Ending, finalizeCommitted, heldIn, resume, rollBackUnfinished } from '../src/runner/resume.ts';
import { newsOf, type SourceFate } from '../src/runner/source-fate.ts';
import { STEPS } from '../src/steps/index.ts';
import { endStanding } from '../src/ui/migration-view.ts';
import { unlocking } from './audit-trail.ts';
import { endOf } from './ended-elsewhere.ts';
import { type GivenDeadlines, givenDeadlines } from './flags/deadlines.ts';
import type { MigrationFlags } from './flags/migration.ts';
import { findMigration, type MigrationOptions, sameMove, workplaceFor } from './migrations.ts';
import { naming } from './naming.ts';
import { type Output, output } from './output.ts';
import { takeUpSession } from './session.ts';
import type { Streams } from './streams.ts';

/** What somebody types, as a flag or at a terminal, who gives up what the target did in a hold. */
const ACCEPT_LOSS = 'accept-loss';

export interface TakeUpOptions extends MigrationFlags, MigrationOptions, GivenDeadlines {
  readonly id?: string | undefined;
  readonly 'discard-target'?: boolean;
  readonly 'accept-loss'?: boolean;
}

/** What is the case now, and the command that goes on from there. Pure but for the time. */
function standingOf(
  plan: Plan,
  ending: Ending,
  record: JournalRecord,
): { readonly state: string; readonly next: string } {
  if (ending.kind === 'led-back') return ledBackStanding(plan, ending.source);
  const { pod, context, node } = plan.target;
  const serves = `${pod} serves from ${context}/${node}`;
  if (ending.kind === 'moved') return { state: `${serves}.`, next: `${COMMAND} cleanup ${plan.id}` };
  return { state: `${serves}, and the source is held until ${heldIn(record)}.`, next: afterHold(plan.id) };
}

/** The same after the way back. The source may have changed meanwhile, as after `--discard-target`. Pure. */
function ledBackStanding(plan: Plan, fate: SourceFate) {
  const { namespace, pod, context, node } = plan.source;
  const news = newsOf(plan, fate);
  return news === undefined
    ? { state: `${pod} serves from ${context}/${node}, as before the move.`, next: sameMove(plan) }
    : {
        state: `${news}; nothing of the move is left.`,
        next: `kubectl --context ${context} -n ${namespace} get pods`,
      };
}

/**
 * The end was reached from another machine. Throws F373 where that was another one than this command leads to: also for one
 * that was given up, which is as it was then.
 */
function tellEnd(operation: Operation, id: string, entry: AuditEntry, out: Output): Outcome {
  const { words, next } = endStanding(id, endOf(entry));
  if (entry.action === 'abandon' || (operation !== 'resume' && operation !== entry.action)) {
    throw new MigrateError('F373', {
      detail: `${id} has ${words}; this machine has the only record of it, which is behind`,
      remedy: `remove that: ${next}`,
      outcome: 'declined',
    });
  }
  out.result({ id, ending: 'elsewhere', state: words, next }, () => `${id} has ${words}. Next: ${next}\n`);
  return 'done';
}

const ACTS = { resume, rollback: rollBackUnfinished, finalize: finalizeCommitted };
type Operation = keyof typeof ACTS;

/**
 * What `resume`, `rollback` and `finalize` have in common: finds the migration, takes its lock and its record, lets it be
 * brought to its end, and says how that went and what comes next.
 */
export async function takeUp(operation: Operation, options: TakeUpOptions, streams: Streams): Promise<Outcome> {
  const { id = '' } = options;
  return naming(id, `go on with: ${COMMAND} ${operation} ${id}`, () => bringToEnd(operation, options, streams));
}

async function bringToEnd(operation: Operation, options: TakeUpOptions, streams: Streams): Promise<Outcome> {
  const out = output(options.output, streams);
  const { plan, ended } = await findMigration(options.id ?? '', options, streams, out.reporter);
  if (ended) return tellEnd(operation, plan.id, ended, out);
  const place = await workplaceFor(plan, operation, options, streams, out.reporter);
  try {
    const patient = { ...place, deadlines: givenDeadlines(options) };
    const session = await unlocking(plan, patient, true, (forceUnlock) =>
      takeUpSession(plan, { ...patient, forceUnlock }),
    );
    const discardTarget = options['discard-target'] === true;
    const acceptLoss = async (loss: string) =>
      options[ACCEPT_LOSS] === true || (await out.askForWord(ACCEPT_LOSS, `${loss}.`));
    const taken = { ...session, steps: STEPS, operation, discardTarget, acceptLoss };
    const ending = await session.onTheRecord(operation, () => ACTS[operation](taken));
    const { state, next } = standingOf(plan, ending, session.journal.record());
    out.result({ id: plan.id, ending: ending.kind, state, next }, () => `${state} Next: ${next}\n`);
    return 'done';
  } finally {
    place.close();
  }
}

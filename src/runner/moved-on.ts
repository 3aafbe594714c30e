import { z } from 'zod';
import { MigrateError } from '../domain/errors.ts';
import { COMMAND } from '../domain/names.ts';
import type { Plan } from '../domain/plan.ts';
import { isCommitted } from '../domain/standing.ts';
import { leaseRefs } from '../journal/lease.ts';
import { recordsInCluster } from '../journal/list-records.ts';
import type { JournalEntry, JournalRecord } from '../journal/record.ts';
import { type StepResults, targetIn } from '../steps/results.ts';
import { lookInPlace } from '../steps/target-pod.ts';
import { lookingContext, type RunOptions } from './context.ts';

const planSchema = z.looseObject({ source: z.looseObject({ uid: z.string() }) });

/**
 * Before the way back from a hold: the source must not go on beside a copy that another migration has moved on from the
 * target, where nothing of it may be left. A target pod that somebody has deleted took its processes with it, and is no
 * obstacle as long as nobody else can have had its lock. Throws F373.
 */
export async function expectNotMovedOn(options: RunOptions, results: StepResults): Promise<void> {
  const { context, journal } = options;
  const { plan, target } = context;
  const signal = new AbortController().signal;
  const { isCommitted: isThere, stranger } = await lookInPlace({ ...lookingContext(options, results), signal });
  const { uid } = targetIn(results);
  const { records } = await recordsInCluster(target, { signal });
  const other = records.find((each) => each.id !== plan.id && isCommitted(each.state) && movedPod(each) === uid);
  const locks = isThere ? 'kept' : locksSinceHold(journal.record(), leaseRefs(plan).length);
  const gone = `pod ${plan.target.namespace}/${plan.target.pod} of ${plan.target.context} is gone`;
  if (other) throw twoOfIt(options, `migration ${other.id} has moved ${plan.target.pod} on (${other.state})`);
  if (stranger !== undefined) throw twoOfIt(options, stranger);
  if (locks === 'lapsed') {
    const lapsed = 'so was a lock of this migration when it was taken up: who had that may have moved the pod on';
    throw twoOfIt(options, `${gone}, and ${lapsed}`);
  }
  if (locks === 'unknown') throw notTold(plan, gone);
}

function twoOfIt({ context, journal }: RunOptions, why: string): MigrateError {
  const { id, source } = context.plan;
  const { pod, context: where, namespace } = source;
  const next =
    journal.record().state === 'held'
      ? `end the hold: ${COMMAND} finalize ${id}`
      : `to leave pod ${namespace}/${pod} of ${where} stopped as it is: ${COMMAND} cleanup ${id} --abandon`;
  return new MigrateError('F373', {
    detail: `${why}: were ${pod} to go on in ${where}, there would be two of it`,
    remedy: next,
    outcome: 'declined',
  });
}

function notTold({ id, target }: Plan, gone: string): MigrateError {
  return new MigrateError('F373', {
    detail: `${gone}, and when this began ${target.context} did not tell whether another migration has its lock, which may have moved the pod on`,
    remedy: `as soon as ${target.context} can be asked, again: ${COMMAND} rollback ${id}`,
    outcome: 'declined',
  });
}

const takenUpSchema = z.looseObject({
  from: z.array(z.looseObject({ migration: z.string(), lapsed: z.boolean().optional() })).catch([]),
  unasked: z.array(z.string()).catch([]),
});

/** The locks that stay with a migration in its hold, as one who took it up found them. */
interface FoundLocks {
  readonly own: number;
  /** Of those, the ones that were made anew by somebody before, of whom the record may not tell. */
  readonly lapsed: number;
  /** Where nobody could be asked. */
  readonly unasked: number;
}

function foundLocks({ id }: JournalRecord, { data }: JournalEntry): FoundLocks {
  const { from = [], unasked = [] } = takenUpSchema.safeParse(data).data ?? {};
  const own = from.filter(({ migration }) => migration === id);
  return { own: own.length, lapsed: own.filter(({ lapsed }) => lapsed).length, unasked: unasked.length };
}

/**
 * Whether the migration has had its locks all the time since its hold began. `lapsed`: one was not its own when somebody took
 * it up; another migration may have had it and come to its end. `unknown`: a cluster did not tell whoever took it up last;
 * what it did not tell an earlier one it has told since. What had lapsed before the hold says nothing, nor does what the way
 * back itself has removed. Pure.
 */
function locksSinceHold(record: JournalRecord, locks: number): 'kept' | 'lapsed' | 'unknown' {
  const { entries } = record;
  const hold = entries.findLastIndex(({ step, kind }) => step === 'hold' && kind === 'done');
  const since = entries.slice(hold);
  if (since.some(({ step, kind }) => step === 'switch' && kind === 'reverted')) return 'kept';
  const foundBy = (entry: JournalEntry) => foundLocks(record, entry);
  const takenUp = ({ kind }: JournalEntry) => kind === 'resumed';
  const isLapsed = ({ own, lapsed, unasked }: FoundLocks) => own - lapsed + unasked < locks;
  const wasLapsed = entries.slice(0, hold).filter(takenUp).map(foundBy).some(isLapsed);
  const found = since.filter(takenUp).map(foundBy);
  if (found.some((each) => isLapsed(wasLapsed ? { ...each, lapsed: 0 } : each))) return 'lapsed';
  return (found.at(-1)?.unasked ?? 0) > 0 ? 'unknown' : 'kept';
}

/** The uid of the pod that a migration moves; undefined for a record of another shape. Pure. */
function movedPod({ plan }: JournalRecord): string | undefined {
  return planSchema.safeParse(plan).data?.source.uid;
}

import { z } from 'zod';
import { MigrateError } from '../domain/errors.ts';
import { COMMAND } from '../domain/names.ts';
import type { Plan } from '../domain/plan.ts';
import { isCommitted } from '../domain/standing.ts';
import { leaseRefs } from '../journal/lease.ts';
import { recordsInCluster } from '../journal/list-records.ts';
import type { JournalRecord } from '../journal/record.ts';
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
  const unlocked = !isThere && wasUnlocked(journal.record(), leaseRefs(plan).length);
  const why = other
    ? `migration ${other.id} has moved ${plan.target.pod} on (${other.state})`
    : (stranger ?? (unlocked ? goneUnlocked(plan) : undefined));
  if (why === undefined) return;
  const { pod, context: where, namespace } = plan.source;
  const next =
    journal.record().state === 'held'
      ? `end the hold: ${COMMAND} finalize ${plan.id}`
      : `to leave pod ${namespace}/${pod} of ${where} stopped as it is: ${COMMAND} cleanup ${plan.id} --abandon`;
  throw new MigrateError('F373', {
    detail: `${why}: were ${pod} to go on in ${where}, there would be two of it`,
    remedy: next,
    outcome: 'declined',
  });
}

const takenUpSchema = z.looseObject({ from: z.array(z.looseObject({ migration: z.string() })) });

/**
 * Whether one of the locks that stay with a migration in its hold was not its own when somebody took it up: another
 * migration may have had it and come to its end. What the way back itself has removed says nothing. Pure.
 */
function wasUnlocked({ id, entries }: JournalRecord, locks: number): boolean {
  const since = entries.slice(entries.findLastIndex(({ step, kind }) => step === 'hold' && kind === 'done'));
  if (since.some(({ step, kind }) => step === 'switch' && kind === 'reverted')) return false;
  return since
    .filter(({ kind }) => kind === 'resumed')
    .some(({ data }) => {
      const { from = [] } = takenUpSchema.safeParse(data).data ?? {};
      return from.filter(({ migration }) => migration === id).length < locks;
    });
}

function goneUnlocked({ target: { namespace, pod, context } }: Plan): string {
  return `pod ${namespace}/${pod} of ${context} is gone, and so was a lock of this migration when it was taken up: who had that may have moved the pod on`;
}

/** The uid of the pod that a migration moves; undefined for a record of another shape. Pure. */
function movedPod({ plan }: JournalRecord): string | undefined {
  return planSchema.safeParse(plan).data?.source.uid;
}

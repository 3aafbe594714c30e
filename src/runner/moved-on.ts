import { z } from 'zod';
import { MigrateError } from '../domain/errors.ts';
import { COMMAND } from '../domain/names.ts';
import { isCommitted } from '../domain/standing.ts';
import { recordsInCluster } from '../journal/list-records.ts';
import type { JournalRecord } from '../journal/record.ts';
import { type StepResults, targetIn } from '../steps/results.ts';
import { strangerInPlace } from '../steps/target-pod.ts';
import { lookingContext, type RunOptions } from './context.ts';

const planSchema = z.looseObject({ source: z.looseObject({ uid: z.string() }) });

/**
 * Before the way back from a hold: the source must not go on beside a copy that another migration has moved on from the
 * target, where nothing of it may be left. A target pod that somebody has deleted took its processes with it, and is no
 * obstacle. Throws F373.
 */
export async function expectNotMovedOn(options: RunOptions, results: StepResults): Promise<void> {
  const { context, journal } = options;
  const { plan, target } = context;
  const signal = new AbortController().signal;
  const stranger = await strangerInPlace({ ...lookingContext(options, results), signal });
  const { uid } = targetIn(results);
  const { records } = await recordsInCluster(target, { signal });
  const other = records.find((each) => each.id !== plan.id && isCommitted(each.state) && movedPod(each) === uid);
  const why = other ? `migration ${other.id} has moved ${plan.target.pod} on (${other.state})` : stranger;
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

/** The uid of the pod that a migration moves; undefined for a record of another shape. Pure. */
function movedPod({ plan }: JournalRecord): string | undefined {
  return planSchema.safeParse(plan).data?.source.uid;
}

import { z } from 'zod';
import type { JournalRecord } from '../journal/record.ts';
import type { PastMove } from './forecast.ts';

const planSchema = z.looseObject({
  source: z.looseObject({ context: z.string(), namespace: z.string(), pod: z.string() }),
  target: z.looseObject({ context: z.string(), node: z.string() }),
  forecast: z.looseObject({ downMs: z.number() }).optional(),
});
const freezeSchema = z.looseObject({ bytes: z.number() });
const switchSchema = z.looseObject({ downMs: z.number() });

/** What the record of a finished move tells about the time it took; undefined for one that did not come to its end. Pure. */
export function pastMove(record: JournalRecord): PastMove | undefined {
  if (record.state !== 'done') return undefined;
  const plan = planSchema.safeParse(record.plan);
  const freeze = freezeSchema.safeParse(resultOf(record, 'freeze'));
  const switched = switchSchema.safeParse(resultOf(record, 'switch'));
  const last = record.entries.at(-1)?.time;
  if (!plan.success || !freeze.success || !switched.success || last === undefined) return undefined;
  const { source, target, forecast } = plan.data;
  return {
    id: record.id,
    at: record.createdAt,
    source: { context: source.context, namespace: source.namespace, pod: source.pod },
    target: { context: target.context, node: target.node },
    bytes: freeze.data.bytes,
    downMs: switched.data.downMs,
    totalMs: Date.parse(last) - Date.parse(record.createdAt),
    frozenMs: frozenMs(record),
    forecastDownMs: forecast?.downMs,
  };
}

/** From the freeze to the commit, whoever went on after that. */
function frozenMs({ entries }: JournalRecord): number {
  const frozen = entries.findLast(({ step, kind }) => step === 'freeze' && kind === 'intent')?.time;
  const committed = entries.findLast(({ kind }) => kind === 'commit')?.time;
  return frozen === undefined || committed === undefined ? 0 : Date.parse(committed) - Date.parse(frozen);
}

function resultOf(record: JournalRecord, step: string): unknown {
  return record.entries.findLast((entry) => entry.step === step && entry.kind === 'done')?.data;
}

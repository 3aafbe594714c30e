import { MigrateError, type Outcome } from '../src/domain/errors.ts';
import { COMMAND } from '../src/domain/names.ts';
import { pastMove } from '../src/planner/past-moves.ts';
import { htmlReport } from '../src/report/html-report.ts';
import { describeRecord } from '../src/report/record-summary.ts';
import { timeline } from '../src/report/timeline.ts';
import { connectSide } from './connection.ts';
import { knownRecords } from './evidence.ts';
import type { ConnectionFlags } from './flags/clusters.ts';
import { output } from './output.ts';
import type { Streams } from './streams.ts';

interface ReportOptions extends ConnectionFlags {
  readonly id: string;
  readonly output: 'html' | 'json' | 'yaml';
}

/** Prints what a migration did. Throws F364 where nobody knows it. */
export async function showReport(options: ReportOptions, streams: Streams): Promise<Outcome> {
  const out = output(options.output === 'html' ? undefined : options.output, streams);
  const cluster = connectSide('source', options, streams.env, out.reporter);
  try {
    const record = (await knownRecords([cluster.reader], streams)).find(({ id }) => id === options.id);
    if (!record) throw unknown(options.id, cluster.context);
    const past = pastMove(record);
    const steps = timeline(record);
    const facts = {
      downMs: past?.downMs,
      forecastDownMs: past?.forecastDownMs,
      bytes: past?.bytes,
      totalMs: Math.max(0, ...steps.map(({ toMs }) => toMs)),
    };
    const { plan: _plan, entries, ...head } = record;
    out.result({ ...head, ...describeRecord(record), ...facts, timeline: steps, entries }, () =>
      htmlReport(record, facts),
    );
    return 'done';
  } finally {
    cluster.close();
  }
}

function unknown(id: string, context: string): MigrateError {
  return new MigrateError('F364', {
    detail: `neither ${context} nor this machine has a record of ${id}`,
    remedy: `${COMMAND} history -A lists those there are; name the source cluster of the move with --context`,
    outcome: 'usage',
  });
}

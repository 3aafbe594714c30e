import type { Outcome } from '../src/domain/errors.ts';
import { pastMove } from '../src/planner/past-moves.ts';
import { htmlReport } from '../src/report/html-report.ts';
import { describeRecord } from '../src/report/record-summary.ts';
import { timeline } from '../src/report/timeline.ts';
import { connectSide } from './connection.ts';
import { knownRecords } from './evidence.ts';
import type { ConnectionFlags } from './flags/clusters.ts';
import { output } from './output.ts';
import { noRecord } from './session.ts';
import type { Streams } from './streams.ts';

interface ReportOptions extends ConnectionFlags {
  readonly id: string;
  readonly output: 'html' | 'json' | 'yaml';
}

/** Prints what a migration did. Throws F374 where nobody knows it. */
export async function showReport(options: ReportOptions, streams: Streams): Promise<Outcome> {
  const out = output(options.output === 'html' ? undefined : options.output, streams);
  const cluster = connectSide('source', options, streams.env, out.reporter);
  try {
    const record = (await knownRecords([cluster.reader], streams)).find(({ id }) => id === options.id);
    if (!record) throw noRecord(options.id, `${cluster.context} and the records of this machine`);
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

import { asMigrateError, type Outcome } from '../src/domain/errors.ts';
import { pastMove } from '../src/planner/past-moves.ts';
import { htmlReport } from '../src/report/html-report.ts';
import { describeRecord } from '../src/report/record-summary.ts';
import { timeline } from '../src/report/timeline.ts';
import { findMigration, type MigrationOptions } from './migrations.ts';
import { output } from './output.ts';
import type { Streams } from './streams.ts';

interface ReportOptions extends MigrationOptions {
  readonly id: string;
  readonly output: 'html' | 'json' | 'yaml';
}

/** Prints what a migration did, by the furthest record of it. Throws F374 where nobody knows it. */
export async function showReport(options: ReportOptions, streams: Streams): Promise<Outcome> {
  const { output: form, ...where } = options;
  const out = output(form === 'html' ? undefined : form, streams);
  const { record, told } = await findMigration(options.id, where, streams, out.reporter);
  for (const { place, error } of told) {
    const text = `${place} could not be asked, and may know more: ${error && asMigrateError(error).detail}`;
    if (error !== undefined) out.reporter.notify({ code: 'W421', text });
  }
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
}

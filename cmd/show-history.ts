import type { Outcome } from '../src/domain/errors.ts';
import { COMMAND } from '../src/domain/names.ts';
import type { JournalRecord } from '../src/journal/record.ts';
import { pastMove } from '../src/planner/past-moves.ts';
import { describeRecord } from '../src/report/record-summary.ts';
import { bytes, seconds } from '../src/ui/format.ts';
import { columns } from '../src/ui/table.ts';
import { connectSide } from './connection.ts';
import { knownRecords } from './evidence.ts';
import type { ConnectionFlags, PlaceOptions } from './flags/clusters.ts';
import { type ListForm, structured } from './flags/output.ts';
import { output } from './output.ts';
import type { Streams } from './streams.ts';

interface HistoryOptions extends ConnectionFlags, PlaceOptions {
  readonly 'all-namespaces': boolean;
  readonly output: ListForm;
}

/** Prints past moves, the latest first. */
export async function showHistory(options: HistoryOptions, streams: Streams): Promise<Outcome> {
  const out = output(structured(options.output), streams);
  const cluster = connectSide('source', options, streams.env, out.reporter);
  try {
    const namespace = options['all-namespaces'] ? undefined : (options.namespace ?? cluster.namespace);
    const rows = (await knownRecords([cluster.reader], streams))
      .map(row)
      .filter((each) => namespace === undefined || each.namespace === namespace)
      .toSorted((a, b) => b.at.localeCompare(a.at));
    out.result({ moves: rows }, (width) => render(rows, options.output, width));
    return 'done';
  } finally {
    cluster.close();
  }
}

type Row = ReturnType<typeof row>;

function row(record: JournalRecord) {
  const { namespace, pod, from, to } = describeRecord(record);
  const past = pastMove(record);
  return {
    id: record.id,
    at: record.createdAt,
    namespace,
    pod,
    from,
    to,
    state: record.state,
    downMs: past?.downMs ?? null,
    forecastDownMs: past?.forecastDownMs ?? null,
    totalMs: past?.totalMs ?? null,
    bytes: past?.bytes ?? null,
    user: record.user,
  };
}

function render(rows: readonly Row[], form: string, width: number | undefined): string {
  if (form === 'name') return rows.map(({ id }) => `${id}\n`).join('');
  if (rows.length === 0) return 'No moves are known here.\n';
  const wide = form === 'wide';
  const ms = (value: number | null) => (value === null ? '' : seconds(value));
  const table = columns(
    rows.map((each) => [
      each.id,
      `${each.namespace}/${each.pod}`,
      each.from,
      each.to,
      each.at.slice(0, 16).replace('T', ' '),
      each.state,
      ms(each.downMs),
      ms(each.forecastDownMs),
      ...(wide ? [ms(each.totalMs), each.bytes === null ? '' : bytes(each.bytes), each.user] : []),
    ]),
    [
      'ID',
      'POD',
      'FROM',
      'TO',
      'BEGAN (UTC)',
      'STATE',
      'DOWN',
      'FORECAST',
      ...(wide ? ['IN ALL', 'BYTES', 'USER'] : []),
    ],
    width,
  );
  return `${table}Each in full, for the change record: ${COMMAND} report ${rows[0]?.id} -o html > report.html\n`;
}

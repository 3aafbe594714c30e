import type { AuditEntry } from '../src/audit/entry.ts';
import { asMigrateError, isMigrateError } from '../src/domain/errors.ts';
import type { JournalRecord } from '../src/journal/record.ts';
import { selectContext } from '../src/kube/kubeconfig.ts';
import { recordedPlan } from '../src/planner/recorded-plan.ts';
import { heldIn } from '../src/runner/resume.ts';
import { hasEnded, type MigrationSummary, renderList, summaryOf } from '../src/ui/migration-view.ts';
import { kubeconfigOf } from './connection.ts';
import { endOf } from './ended-elsewhere.ts';
import type { PlaceOptions } from './flags/clusters.ts';
import { type ListForm, structured } from './flags/output.ts';
import { listMigrations } from './known-migrations.ts';
import type { MigrationOptions } from './migrations.ts';
import { output } from './output.ts';
import type { Streams } from './streams.ts';

export interface ListOptions extends Omit<MigrationOptions, 'output'>, PlaceOptions {
  readonly 'all-namespaces': boolean;
  readonly output: ListForm;
}

/** Prints migrations, unfinished ones only if so wanted; what could not be asked or read is said on stderr. */
export async function list(options: ListOptions, streams: Streams, only?: 'unfinished'): Promise<'done'> {
  const out = output(structured(options.output), streams);
  const { records, problems, unreadable, ended } = await listMigrations(options, streams, out.reporter);
  const { rows, unusable } = summaries(records, ended);
  const leftOut = [...unreadable.map(({ error }) => error.detail), ...unusable];
  for (const text of [...problems, ...inOneLine(leftOut)]) out.reporter.notify({ code: 'W421', text });
  const namespace = options['all-namespaces'] ? undefined : namespaceOf(options, streams);
  const shown = rows
    .filter((row) => only === undefined || !hasEnded(row))
    .filter(({ pod }) => namespace === undefined || pod.startsWith(`${namespace}/`));
  out.result({ migrations: shown }, (width) =>
    renderList(shown, { form: options.output, now: Date.now(), namespace, width }),
  );
  return 'done';
}

function summaries(
  records: readonly JournalRecord[],
  ended: ReadonlyMap<string, AuditEntry>,
): { rows: MigrationSummary[]; unusable: string[] } {
  const rows: MigrationSummary[] = [];
  const unusable: string[] = [];
  for (const record of records) {
    const entry = ended.get(record.id);
    try {
      rows.push(
        summaryOf({ ...record, plan: recordedPlan(record), heldUntil: heldIn(record), ended: entry && endOf(entry) }),
      );
    } catch (error) {
      unusable.push(asMigrateError(error).detail);
    }
  }
  return { rows, unusable };
}

/** One line, however many there are: after an update a machine may be full of records of the version before. */
function inOneLine(unreadable: readonly string[]): string[] {
  const [first] = unreadable;
  if (first === undefined) return [];
  const more = unreadable.length === 1 ? 'one is left out' : `${unreadable.length} are left out, such as`;
  return [`not all records can be read, ${more}: ${first}`];
}

/** That of the flag or the context; where no kubeconfig is usable, what this machine knows of all of them is shown. */
function namespaceOf(options: ListOptions, { env }: Streams): string | undefined {
  if (options.namespace !== undefined) return options.namespace;
  try {
    const kubeconfig = kubeconfigOf('source', options, env);
    return selectContext(kubeconfig, options.context, '--context').namespace;
  } catch (error) {
    if (isMigrateError(error) && error.code === 'F302') return undefined;
    throw error;
  }
}

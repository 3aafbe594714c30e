import { isFinished } from '../src/domain/standing.ts';
import { recordedPlan } from '../src/planner/recorded-plan.ts';
import { renderList, summaryOf } from '../src/ui/migration-view.ts';
import { listMigrations, type MigrationOptions } from './migrations.ts';
import { output } from './output.ts';
import type { Streams } from './streams.ts';

/** Prints migrations that `shown` lets through; what could not be asked is said on stderr. */
export async function list(
  options: MigrationOptions & { readonly output?: 'json' | 'yaml' | undefined },
  streams: Streams,
  shown: (finished: boolean) => boolean,
): Promise<'done'> {
  const out = output(options.output, streams);
  const { records, problems } = await listMigrations(options, streams, out.reporter);
  for (const text of problems) out.reporter.notify({ code: 'W421', text });
  const rows = records
    .filter(({ state }) => shown(isFinished(state)))
    .flatMap((record) => {
      try {
        return [summaryOf({ ...record, plan: recordedPlan(record) })];
      } catch (error) {
        out.reporter.notify({
          code: 'W421',
          text: error instanceof Error ? `${record.id}: ${error.message}` : record.id,
        });
        return [];
      }
    });
  out.result({ migrations: rows }, () => renderList(rows, Date.now()));
  return 'done';
}

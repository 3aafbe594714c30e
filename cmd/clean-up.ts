import { MigrateError, type Outcome } from '../src/domain/errors.ts';
import { COMMAND } from '../src/domain/names.ts';
import { isFinished } from '../src/domain/standing.ts';
import { recordedPlan } from '../src/planner/recorded-plan.ts';
import type { MigrationFlags } from './flags/migration.ts';
import { findMigration, listMigrations, type MigrationOptions, workplaceFor } from './migrations.ts';
import { type Output, output } from './output.ts';
import { removeLeftovers } from './session.ts';
import type { Streams } from './streams.ts';

export interface CleanUpOptions extends MigrationFlags, MigrationOptions {
  readonly id?: string | undefined;
  readonly 'all-finished': boolean;
  readonly abandon: boolean;
}

/** Removes records, locks and helper pods; of an unfinished migration only with `--abandon`. */
export async function cleanUp(options: CleanUpOptions, streams: Streams): Promise<Outcome> {
  const out = output(options.output, streams);
  const ids = options['all-finished'] ? await finished(options, streams, out) : [options.id ?? ''];
  for (const id of ids) await cleanOne(id, options, streams, out);
  const words = ids.length === 0 ? 'Nothing has ended that is still there.' : `Removed: ${ids.join(', ')}.`;
  const next = `${COMMAND} list`;
  out.result({ removed: ids, next }, () => `${words} Next: ${next}\n`);
  return 'done';
}

async function finished(options: CleanUpOptions, streams: Streams, { reporter }: Output): Promise<string[]> {
  const { records, problems } = await listMigrations(options, streams, reporter);
  for (const text of problems) reporter.notify({ code: 'W421', text });
  return records.filter(({ state }) => isFinished(state)).map(({ id }) => id);
}

async function cleanOne(id: string, options: CleanUpOptions, streams: Streams, { reporter }: Output): Promise<void> {
  const { record, told } = await findMigration(id, options, streams, reporter);
  const authority = told.find((each) => each.authority);
  // A copy may be behind; that a migration has ended only the authority knows, unless it has no record any more.
  const state = authority?.record?.state ?? record.state;
  if (!options.abandon && (!isFinished(state) || authority?.error !== undefined)) throw unfinished(id, state);
  const plan = recordedPlan(record);
  const place = await workplaceFor(plan, 'cleanup', options, streams, reporter);
  try {
    await removeLeftovers(plan, place, !isFinished(state));
  } finally {
    place.close();
  }
}

function unfinished(id: string, state: string): MigrateError {
  return new MigrateError('F373', {
    detail: `${id} has not ended (${state}), or the cluster that knows cannot be asked`,
    remedy: `bring it to its end: ${COMMAND} resume ${id}; to leave everything as it is for good: ${COMMAND} cleanup ${id} --abandon`,
    outcome: 'declined',
  });
}

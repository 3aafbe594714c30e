import { isMigrateError, MigrateError, type Outcome } from '../src/domain/errors.ts';
import { COMMAND } from '../src/domain/names.ts';
import type { Plan } from '../src/domain/plan.ts';
import { isFinished } from '../src/domain/standing.ts';
import type { UnreadableRecord } from '../src/journal/list-records.ts';
import { createGateway } from '../src/kube/gateway.ts';
import { recordedPlan } from '../src/planner/recorded-plan.ts';
import { onTheRecord, unlocking } from './audit-trail.ts';
import type { MigrationFlags } from './flags/migration.ts';
import { listMigrations } from './known-migrations.ts';
import { findMigration, type MigrationOptions, workplaceFor } from './migrations.ts';
import { naming } from './naming.ts';
import { type Output, output } from './output.ts';
import { removeLeftovers, type Workplace } from './session.ts';
import type { Streams } from './streams.ts';

export interface CleanUpOptions extends MigrationFlags, MigrationOptions {
  readonly id?: string | undefined;
  readonly 'all-finished': boolean;
  readonly abandon: boolean;
}

/** Removes records, locks and helper pods; of an unfinished migration only with `--abandon`. */
export async function cleanUp(options: CleanUpOptions, streams: Streams): Promise<Outcome> {
  const out = output(options.output, streams);
  if (options['all-finished']) return cleanFinished(options, streams, out);
  const id = options.id ?? '';
  const again = `${COMMAND} cleanup ${id}${options.abandon ? ' --abandon' : ''}`;
  await naming(id, `go on with: ${again}`, () => cleanOne(id, options, streams, out));
  tell(out, [id], []);
  return 'done';
}

/** One that cannot be cleaned up, or not even be read, is told and left; all others go. */
async function cleanFinished(options: CleanUpOptions, streams: Streams, out: Output): Promise<Outcome> {
  const { records, problems, unreadable, ended } = await listMigrations(options, streams, out.reporter);
  const failed: UnreadableRecord[] = [];
  const removed: string[] = [];
  for (const { id } of records.filter(({ id, state }) => isFinished(state) || ended.has(id))) {
    try {
      await cleanOne(id, options, streams, out);
      removed.push(id);
    } catch (error) {
      if (!isMigrateError(error) || error.outcome === 'interrupted') throw error;
      failed.push({ id, error });
    }
  }
  // A copy that cannot be read goes with what it is a copy of.
  const left = [...unreadable.filter(({ id }) => !removed.includes(id)), ...failed];
  const reasons = left.map(({ id, error }) => `${id} is left: ${error.code} ${error.detail}; ${error.remedy}`);
  for (const text of [...problems, ...reasons]) out.reporter.notify({ code: 'W421', text });
  tell(out, removed, left);
  return problems.length + left.length === 0 ? 'done' : 'failed';
}

function tell(out: Output, removed: readonly string[], left: readonly UnreadableRecord[]): void {
  const next = `${COMMAND} list`;
  const names = [...new Set(left.map(({ id }) => id))];
  const words = [
    ...(removed.length > 0 ? [`Removed: ${removed.join(', ')}.`] : []),
    ...(names.length > 0 ? [`Left: ${names.join(', ')}.`] : []),
  ];
  const nothing = 'Nothing has ended that is still there.';
  const result = { removed, left: left.map(({ id, error: { code, detail } }) => ({ id, code, detail })), next };
  out.result(result, () => `${words.join(' ') || nothing} Next: ${next}\n`);
}

async function cleanOne(id: string, options: CleanUpOptions, streams: Streams, { reporter }: Output): Promise<void> {
  const { record, told, ended } = await findMigration(id, options, streams, reporter);
  const authority = told.find((each) => each.authority);
  // A copy may be behind; that a migration has ended only the authority knows, unless it has no record any more.
  const state = authority?.record?.state ?? record.state;
  const hasEnded = ended !== undefined || isFinished(state);
  if (!options.abandon && (!hasEnded || authority?.error !== undefined)) throw unfinished(id, state);
  const plan = recordedPlan(record);
  const place = await workplaceFor(plan, 'cleanup', options, streams, reporter);
  const remove = (abandon: boolean, forceUnlock: boolean) => removeLeftovers(plan, { ...place, forceUnlock }, abandon);
  try {
    if (hasEnded) await remove(false, false);
    else await unlocking(plan, place, true, (force) => abandoning(plan, place, () => remove(true, force)));
  } finally {
    place.close();
  }
}

/** Nobody can resume it any more: who did that is told of. */
function abandoning(plan: Plan, place: Workplace, act: () => Promise<void>): Promise<void> {
  const { source, target, clock } = place;
  const gateway = createGateway({ source: source.api, target: target.api, effects: plan.effects, clock });
  return onTheRecord(plan, place, { gateway, action: 'abandon', takingUp: true }, act);
}

function unfinished(id: string, state: string): MigrateError {
  return new MigrateError('F373', {
    detail: `${id} has not ended (${state}), or the cluster that knows cannot be asked`,
    remedy: `bring it to its end: ${COMMAND} resume ${id}; to leave everything as it is for good: ${COMMAND} cleanup ${id} --abandon`,
    outcome: 'declined',
  });
}

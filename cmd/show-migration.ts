import { failureCode, isMigrateError } from '../src/domain/errors.ts';
import { COMMAND } from '../src/domain/names.ts';
import type { Plan } from '../src/domain/plan.ts';
import { isFinished } from '../src/domain/standing.ts';
import { createEngine } from '../src/engines/create-engine.ts';
import { holderOf, type LockHolder, leaseRefs } from '../src/journal/lease.ts';
import type { Testimony } from '../src/journal/ports.ts';
import { systemClock } from '../src/kube/clock.ts';
import { createGateway } from '../src/kube/gateway.ts';
import type { Lease } from '../src/kube/objects.ts';
import { RESOURCES } from '../src/kube/resources.ts';
import { type Inspection, inspectMigration } from '../src/runner/inspect.ts';
import { heldIn } from '../src/runner/resume.ts';
import { STEPS } from '../src/steps/index.ts';
import { lineRenderer } from '../src/ui/line-renderer.ts';
import { type MigrationReport, renderMigration, renderStanding, summaryOf } from '../src/ui/migration-view.ts';
import { shownOn } from '../src/ui/terminal.ts';
import { endOf } from './ended-elsewhere.ts';
import { type Found, findMigration, type MigrationOptions, workplaceFor } from './migrations.ts';
import { output } from './output.ts';
import type { Workplace } from './session.ts';
import type { Streams } from './streams.ts';

/** Prints one migration: what its records say, who holds its lock, and what the clusters show. Changes nothing. */
export async function showMigration(
  id: string,
  extent: 'status' | 'describe',
  options: MigrationOptions & { readonly output?: 'json' | 'yaml' | undefined },
  streams: Streams,
): Promise<'done'> {
  const out = output(options.output, streams);
  const found = await findMigration(id, options, streams, out.reporter);
  const place = await workplaceFor(found.plan, extent, options, streams, out.reporter);
  try {
    const holder = await lockHolder(found.plan, place);
    const inspection = found.ended || isFinished(found.record.state) ? undefined : await inspect(found, place);
    const report = reportOf(found, holder, inspection);
    const value = extent === 'describe' ? { ...report, plan: found.plan, entries: found.record.entries } : report;
    out.result(value, (width) =>
      renderMigration(report, extent === 'describe' ? found.record.entries : [], { now: Date.now(), width }),
    );
    return 'done';
  } finally {
    place.close();
  }
}

/** How often a watched migration is looked at, in ms. */
const WATCH_MS = 1000;

/** Tells of one migration line by line, each time that its record says something new, until it has ended. */
export async function watchMigration(id: string, options: MigrationOptions, streams: Streams): Promise<'done'> {
  const out = output(undefined, streams);
  const tell = lineRenderer(
    (text) => streams.stdout.write(shownOn(streams.stdout, text, streams.env)),
    () => new Date(),
  );
  let seen = false;
  for (;;) {
    const found = await findMigration(id, options, streams, out.reporter).catch((error: unknown) => {
      if (seen && failureCode(error) === 'F374') return undefined;
      throw error;
    });
    if (!found) {
      streams.stdout.write(`${id} has ended, its record is gone. Next: ${COMMAND} audit list\n`);
      return 'done';
    }
    seen = true;
    const { state, entries } = found.record;
    const last = entries.at(-1);
    const doing = last && !isFinished(state) ? `, ${last.step} ${last.kind}` : '';
    tell({ code: 'I406', text: `${id} ${found.record.state}${doing}` });
    if (found.ended || isFinished(state)) {
      streams.stdout.write(
        `${renderStanding(summaryOf({ ...found.record, plan: found.plan, ...endOfFound(found) }))}\n`,
      );
      return 'done';
    }
    await systemClock.sleep(WATCH_MS, streams.interrupt);
  }
}

async function inspect({ plan, record }: Found, place: Workplace): Promise<Inspection> {
  const { source, target, clock, reporter, interrupt } = place;
  const gateway = createGateway({ source: source.api, target: target.api, effects: plan.effects, clock });
  const readers = { source: source.reader, target: target.reader };
  const engine = createEngine({ plan, ...readers, gateway, registryFor: place.registryFor });
  try {
    const context = { plan, ...readers, gateway, engine, reporter, signal: interrupt };
    return await inspectMigration(record, STEPS, context);
  } finally {
    engine.close();
  }
}

/** Who holds the lock of this very migration; undefined when nobody does, or nobody can be asked. */
async function lockHolder(plan: Plan, place: Workplace): Promise<LockHolder | undefined> {
  for (const ref of leaseRefs(plan)) {
    const { namespace, name } = ref;
    const options = { namespace, signal: place.interrupt };
    const lease = await place[ref.side].reader.get<Lease>(RESOURCES.lease, name, options).catch(() => undefined);
    const holder = lease && holderOf(lease);
    if (holder?.migration === plan.id) return holder;
  }
  return undefined;
}

function reportOf(found: Found, lock: LockHolder | undefined, inspection: Inspection | undefined): MigrationReport {
  const { record, plan, told } = found;
  return {
    ...summaryOf({ ...record, plan, ...(lock && { lock }), heldUntil: heldIn(record), ...endOfFound(found) }),
    user: record.user,
    host: record.host,
    version: record.version,
    places: told.map(placeLine),
    ...(lock && { lock }),
    ...(inspection && { inspection }),
  };
}

function endOfFound({ ended }: Found) {
  return ended && { ended: endOf(ended) };
}

function placeLine({ place, authority, record, error }: Testimony) {
  const says = record
    ? `${record.state}, ${record.serial} writes`
    : error === undefined
      ? 'no record'
      : `cannot be asked: ${isMigrateError(error) ? error.detail : String(error)}`;
  return { place, authority, says };
}

import { COMMAND, LOCK_MS } from '../domain/names.ts';
import type { Plan } from '../domain/plan.ts';
import { isFinished, type RecordState, standing } from '../domain/standing.ts';
import { age } from './format.ts';
import { columns } from './table.ts';

/** Who is at work on a migration, as its lock says. */
interface Holder {
  readonly operation: string;
  readonly user: string;
  readonly host: string;
  readonly process: string | undefined;
  readonly since: string;
  readonly renewed: string;
}

/** Who ended a migration from another machine, and how, as the audit record says. */
interface End {
  readonly action: string;
  readonly user: string;
  readonly host: string;
  readonly at: string;
}

/** One migration in a list. */
export interface MigrationSummary {
  readonly id: string;
  readonly pod: string;
  readonly from: string;
  readonly to: string;
  readonly state: RecordState;
  /** The state in words. */
  readonly words: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly user: string;
  /** The command that goes on from there. */
  readonly next: string;
  /** It has ended whatever the state says: only this machine has a record of it, which is behind. */
  readonly ended?: End;
}

/** One migration with what its places say and what the clusters show. */
export interface MigrationReport extends MigrationSummary {
  readonly host: string;
  readonly version: string;
  readonly places: readonly { readonly place: string; readonly authority: boolean; readonly says: string }[];
  readonly lock?: Holder;
  readonly inspection?: {
    readonly steps: readonly {
      readonly step: string;
      readonly title: string;
      readonly recorded: string | undefined;
      readonly found: string | undefined;
    }[];
    readonly view: { readonly source: string; readonly target: string };
    readonly sourceChange: string | undefined;
    readonly unknown: readonly string[];
  };
}

/** What a list says of a migration. A lock that is not given is one that nobody looked at. */
export function summaryOf(record: {
  readonly id: string;
  readonly createdAt: string;
  readonly user: string;
  readonly state: RecordState;
  readonly plan: Plan;
  readonly lock?: Holder;
  readonly heldUntil?: string | undefined;
  readonly ended?: End | undefined;
}): MigrationSummary {
  const { id, createdAt, user, state, plan, lock, heldUntil, ended } = record;
  const { source, target } = plan;
  const atWork = lock?.process !== undefined && Date.now() - Date.parse(lock.renewed) < LOCK_MS;
  return {
    id,
    pod: `${source.namespace}/${source.pod}`,
    from: `${source.context}/${source.node}`,
    to: `${target.context}/${target.node}`,
    state,
    createdAt,
    user,
    ...standing(id, state, atWork, heldUntil === undefined ? undefined : { until: heldUntil, now: Date.now() }),
    ...(ended && { ended, ...endStanding(id, ended) }),
  };
}

/** Where a migration stands that was ended from another machine. Pure. */
export function endStanding(id: string, { action, user, host, at }: End): Pick<MigrationSummary, 'words' | 'next'> {
  return { words: `ended by '${action}' of ${user || 'somebody'} on ${host}, ${at}`, next: `${COMMAND} cleanup ${id}` };
}

/** Nothing is left to do but to remove the record. Pure. */
export function hasEnded({ state, ended }: Pick<MigrationSummary, 'state' | 'ended'>): boolean {
  return ended !== undefined || isFinished(state);
}

export interface ListView {
  readonly form: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Of which namespace they are; undefined for all. */
  readonly namespace: string | undefined;
  /** Columns of the terminal; undefined where there is none. */
  readonly width?: number | undefined;
}

/** Migrations for people, the newest first; the last line says what comes next. */
export function renderList(rows: readonly MigrationSummary[], { form, now, namespace, width }: ListView): string {
  if (form === 'name') return rows.map(({ id }) => `${id}\n`).join('');
  if (rows.length === 0)
    return `No migrations${namespace === undefined ? '' : ` of namespace ${namespace}`}. Next: ${COMMAND} pod\n`;
  const wide = form === 'wide';
  const table = columns(
    rows.map(({ id, pod, from, to, words, createdAt, user }) => [
      id,
      pod,
      `${from} -> ${to}`,
      words,
      age(now - Date.parse(createdAt)),
      ...(wide ? [createdAt, user] : []),
    ]),
    ['ID', 'POD', 'FROM -> TO', 'STATE', 'AGE', ...(wide ? ['BEGUN', 'USER'] : [])],
    width,
  );
  const open = rows.find((row) => !hasEnded(row));
  return `${table}${open ? `${open.id}: ${open.words}. Next: ${open.next}` : `All of them have ended. Next: ${COMMAND} cleanup --all-finished`}\n`;
}

/** One migration for people; the last line is its state and the next command. */
export function renderMigration(
  report: MigrationReport,
  entries: readonly { readonly serial: number; readonly time: string; readonly step: string; readonly kind: string }[],
  { now, width }: { readonly now: number; readonly width?: number | undefined },
): string {
  const { id, pod, from, to, user, host, version, createdAt, places, lock, inspection, words, next } = report;
  const lines = [
    ['ID', id],
    ['POD', `${pod}  ${from} -> ${to}`],
    ['BEGUN', `${age(now - Date.parse(createdAt))} ago by ${user} on ${host}, version ${version}`],
    ['LOCK', lock ? lockLine(lock, now) : 'none'],
    ...places.map(({ place, authority, says }) => [
      'RECORD',
      `${place}: ${says}${authority ? ' (this one counts)' : ''}`,
    ]),
    ...(inspection ? inspectionLines(inspection) : []),
  ];
  const steps = inspection
    ? columns(
        inspection.steps.map(({ step, recorded, found }) => [step, recorded ?? '-', found ?? 'cannot be asked']),
        ['STEP', 'RECORD', 'CLUSTERS'],
        width,
      )
    : '';
  const history = entries.map(({ serial, time, step, kind }) => [String(serial), time, step, kind]);
  const table = history.length > 0 ? columns(history, ['#', 'TIME', 'STEP', 'WHAT'], width) : '';
  return `${columns(lines, undefined, width)}${steps}${table}${renderStanding({ words, next })}\n`;
}

/** Where a migration stands and what comes next, in a line. */
export function renderStanding({ words, next }: Pick<MigrationSummary, 'words' | 'next'>): string {
  return `${words}. Next: ${next}`;
}

function lockLine({ process, operation, user, host, since, renewed }: Holder, now: number): string {
  if (process === undefined) return `held since ${since}, nobody is at work (last: ${operation} by ${user} on ${host})`;
  return `held since ${since} by ${user} on ${host} (${operation}), last heard of ${age(now - Date.parse(renewed))} ago`;
}

function inspectionLines({ view, sourceChange, unknown }: NonNullable<MigrationReport['inspection']>): string[][] {
  return [
    ['SOURCE', sourceChange ?? `its processes: ${view.source}`],
    ['TARGET', `its processes: ${view.target}`],
    ...unknown.map((what) => ['UNKNOWN', what]),
  ];
}

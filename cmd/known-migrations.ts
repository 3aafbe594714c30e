import type { AuditEntry } from '../src/audit/entry.ts';
import { isMigrateError } from '../src/domain/errors.ts';
import type { Plan } from '../src/domain/plan.ts';
import { isFinished } from '../src/domain/standing.ts';
import { journalFolder } from '../src/journal/file-sink.ts';
import {
  type RecordList,
  recordsInCluster,
  recordsInFolder,
  type UnreadableRecord,
} from '../src/journal/list-records.ts';
import type { JournalRecord } from '../src/journal/record.ts';
import type { ClusterReader } from '../src/kube/ports.ts';
import { recordedPlan } from '../src/planner/recorded-plan.ts';
import type { Reporter } from '../src/report/message.ts';
import { endedElsewhere } from './ended-elsewhere.ts';
import { clustersToLook, type MigrationOptions } from './migrations.ts';
import type { Streams } from './streams.ts';

/** What is known of all migrations. */
export interface Known extends RecordList {
  /** Places that could not be asked, with why. */
  readonly problems: readonly string[];
  /** By id, those that another machine has ended, and of which there is no record but that of this machine. */
  readonly ended: ReadonlyMap<string, AuditEntry>;
}

/** Everything that is known here: local copies, and the clusters that flags name, or the current context. */
export async function listMigrations(options: MigrationOptions, streams: Streams, reporter: Reporter): Promise<Known> {
  const problems: string[] = [];
  const unreadable: UnreadableRecord[] = [];
  const note = (where: string, error: unknown) =>
    problems.push(`${where}: ${isMigrateError(error) ? error.detail : String(error)}`);
  const clusters = clustersToLook(options, streams, reporter);
  const signal = streams.interrupt;
  try {
    const lists = await Promise.allSettled([
      recordsInFolder(journalFolder(streams.env)),
      ...clusters.map(({ reader }) => recordsInCluster(reader, { signal })),
    ]);
    const best = new Map<string, Listed>();
    const asked: ClusterReader[] = [];
    for (const [index, list] of lists.entries()) {
      const cluster = clusters[index - 1];
      if (list.status === 'rejected') {
        note(cluster?.context ?? 'local copies', list.reason);
        continue;
      }
      unreadable.push(...list.value.unreadable);
      if (cluster) asked.push(cluster.reader);
      for (const record of list.value.records) {
        const listed = { record, decides: cluster !== undefined && planOf(record)?.source.server === cluster.server };
        if (isBetter(listed, best.get(record.id))) best.set(record.id, listed);
      }
    }
    const listed = [...best.values()];
    return {
      records: listed.map(({ record }) => record).toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1)),
      problems,
      unreadable,
      ended: await endedAmong(listed, unreadable, asked, signal),
    };
  } finally {
    for (const cluster of clusters) cluster.close();
  }
}

/** A record as a list has it. `decides`: it is that of the source cluster. */
interface Listed {
  readonly record: JournalRecord;
  readonly decides: boolean;
}

function isBetter(one: Listed, other: Listed | undefined): boolean {
  if (!other || one.decides !== other.decides) return one.decides || !other;
  return one.record.serial >= other.record.serial;
}

function planOf(record: JournalRecord): Plan | undefined {
  try {
    return recordedPlan(record);
  } catch {
    // Of another version: whoever asks for it is told.
    return undefined;
  }
}

/** Of those that seem unfinished and whose source cluster has no record, the ones that have ended. */
async function endedAmong(
  listed: readonly Listed[],
  unreadable: readonly UnreadableRecord[],
  asked: readonly ClusterReader[],
  signal: AbortSignal,
): Promise<Map<string, AuditEntry>> {
  const ended = new Map<string, AuditEntry>();
  for (const { record, decides } of listed) {
    if (decides || isFinished(record.state) || unreadable.some(({ id }) => id === record.id)) continue;
    const plan = planOf(record);
    const isGone = asked.some(({ server }) => server === plan?.source.server);
    const entry = plan && isGone ? await endedElsewhere(plan, asked, signal) : undefined;
    if (entry) ended.set(record.id, entry);
  }
  return ended;
}

import { MigrateError } from '../domain/errors.ts';
import { COMMAND } from '../domain/names.ts';
import { afterHold, isCommitted, isFinished } from '../domain/standing.ts';
import type { ClusterReader } from '../kube/ports.ts';
import { ifReachable, type ReachOptions } from './if-reachable.ts';
import { recordsInCluster } from './list-records.ts';
import { isOfNewerVersion, type JournalRecord } from './record.ts';

export interface CommittedLocksOptions extends ReachOptions {
  readonly source: ClusterReader;
  readonly target: ClusterReader;
  readonly signal: AbortSignal;
}

/**
 * Before locks of other migrations are taken by force. One that is committed and has not ended keeps its source stopped, or has
 * it held, which would go on beside the target on another one's way back; and for as long as a hold takes nobody is at work on
 * it, so that its silence says nothing. Throws F370; F350 where a newer version keeps its record. Read-only.
 */
export async function expectNoneCommitted(ids: readonly string[], options: CommittedLocksOptions): Promise<void> {
  const { source, target, signal } = options;
  for (const reader of [source, target]) {
    await ifReachable(reader.side, options, async () => {
      const { records, unreadable } = await recordsInCluster(reader, { signal });
      const other = records.find((record) => ids.includes(record.id) && isUnderCommit(record));
      if (other) throw isHeld(other) ? stillHeld(other.id) : notFinished(other.id);
      const newer = unreadable.find(({ id, error }) => ids.includes(id) && isOfNewerVersion(error));
      if (newer) throw newer.error;
    });
  }
}

/** Also one that is on its way back from its hold. Pure. */
function isUnderCommit({ state, entries }: JournalRecord): boolean {
  return !isFinished(state) && (isCommitted(state) || entries.some(({ kind }) => kind === 'commit'));
}

function isHeld({ entries }: JournalRecord): boolean {
  return entries.some(({ step, kind }) => step === 'hold' && kind === 'done');
}

function notFinished(id: string): MigrateError {
  return new MigrateError('F370', {
    detail: `migration ${id} is committed and has not ended: its target runs or is about to, and its source must not go on`,
    remedy: `bring it to its end: ${COMMAND} resume ${id}; to leave everything as it is for good: ${COMMAND} cleanup ${id} --abandon`,
    outcome: 'locked',
  });
}

function stillHeld(id: string): MigrateError {
  return new MigrateError('F370', {
    detail: `migration ${id} holds its source, and has the lock of this pod until that has ended; nobody is at work on it meanwhile, which is as it should be`,
    remedy: `end the hold: ${afterHold(id)}; to leave everything as it is for good: ${COMMAND} cleanup ${id} --abandon`,
    outcome: 'locked',
  });
}

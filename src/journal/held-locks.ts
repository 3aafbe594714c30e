import { MigrateError } from '../domain/errors.ts';
import { COMMAND } from '../domain/names.ts';
import { afterHold, isFinished } from '../domain/standing.ts';
import type { ClusterReader } from '../kube/ports.ts';
import { ifReachable, type ReachOptions } from './if-reachable.ts';
import { recordsInCluster } from './list-records.ts';
import { isOfNewerVersion, type JournalRecord } from './record.ts';

export interface HeldLocksOptions extends ReachOptions {
  readonly source: ClusterReader;
  readonly target: ClusterReader;
  readonly signal: AbortSignal;
}

/**
 * Before locks of other migrations are taken by force. One whose source is held has nobody at work on it for as long as that
 * takes, so that its silence says nothing; what it holds would go on beside what another one made of its target. Throws
 * F370; F350 where a newer version keeps its record. Read-only.
 */
export async function expectNoneHeld(ids: readonly string[], options: HeldLocksOptions): Promise<void> {
  const { source, target, signal } = options;
  for (const reader of [source, target]) {
    await ifReachable(reader.side, options, async () => {
      const { records, unreadable } = await recordsInCluster(reader, { signal });
      const held = records.find((record) => ids.includes(record.id) && isHeld(record));
      if (held) throw stillHeld(held.id);
      const newer = unreadable.find(({ id, error }) => ids.includes(id) && isOfNewerVersion(error));
      if (newer) throw newer.error;
    });
  }
}

/** Also one that is on its way back from there. Pure. */
function isHeld({ state, entries }: JournalRecord): boolean {
  return !isFinished(state) && entries.some(({ step, kind }) => step === 'hold' && kind === 'done');
}

function stillHeld(id: string): MigrateError {
  return new MigrateError('F370', {
    detail: `migration ${id} holds its source, and has the lock of this pod until that has ended; nobody is at work on it meanwhile, which is as it should be`,
    remedy: `end the hold: ${afterHold(id)}; to leave everything as it is for good: ${COMMAND} cleanup ${id} --abandon`,
    outcome: 'locked',
  });
}

import { MigrateError } from '../domain/errors.ts';
import { COMMAND } from '../domain/names.ts';
import type { EngineView } from '../engines/engine.ts';
import type { JournalRecord } from '../journal/record.ts';
import type { RunOptions } from './context.ts';
import { newsOf, type SourceFate } from './source-fate.ts';

/**
 * Before anything is taken back: the target’s copy may be all that is left when the source’s container is another one than
 * the image was taken of. Unless the copy may go, throws F344 with outcome `midway` then, and where the source’s cluster
 * does not tell, what kept it from that.
 */
export function expectSource(
  { context, journal }: RunOptions,
  fate: SourceFate,
  target: EngineView['target'],
  discardTarget = false,
): void {
  const { plan, reporter } = context;
  const news = newsOf(plan, fate);
  if (news === undefined) return;
  if (mayHaveCopy(journal.record(), target) && !discardTarget) {
    if (fate.unknown) throw fate.unknown;
    const holds = target === 'unknown' ? 'cannot be asked and may hold' : 'holds';
    const copy = wasHeld(journal.record())
      ? 'the target may serve still, with all that it did since the commit, and the way back removes it'
      : `the target ${holds} its processes as they were at the freeze, and the way back removes them`;
    const keep = wasHeld(journal.record())
      ? `to leave everything as it is for good, the target with it: ${COMMAND} cleanup ${plan.id} --abandon; `
      : '';
    throw new MigrateError('F344', {
      detail: `${news}; ${copy}`,
      remedy: `${keep}if the source has what it needs: ${COMMAND} rollback ${plan.id} --discard-target`,
      outcome: 'midway',
    });
  }
  const text = fate.unknown ? news : `${news}: what it had in memory went with it, whatever the way back does`;
  reporter.notify({ code: 'W421', text });
}

/** On its way back from a hold, whose target was committed. Pure. */
function wasHeld({ entries }: JournalRecord): boolean {
  return entries.some(({ kind }) => kind === 'commit');
}

/**
 * The restore is not announced, the freeze before it is: a target that cannot be asked may have a copy from then on. Pure.
 */
function mayHaveCopy({ entries }: JournalRecord, target: EngineView['target']): boolean {
  // The way back from a hold has removed it already.
  if (entries.some(({ step, kind }) => step === 'switch' && kind === 'reverted')) return false;
  if (target === 'unknown') return entries.some(({ step, kind }) => step === 'freeze' && kind === 'intent');
  return target !== 'waiting';
}

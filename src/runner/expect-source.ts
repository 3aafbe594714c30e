import { MigrateError } from '../domain/errors.ts';
import { COMMAND } from '../domain/names.ts';
import type { EngineView } from '../engines/engine.ts';
import type { RunOptions } from './context.ts';
import { newsOf, type SourceFate } from './source-fate.ts';

/**
 * Before anything is taken back: the target’s copy may be all that is left when the source’s container is another one than
 * the image was taken of. Unless the copy may go, throws F344 with outcome `midway` then, and where the source’s cluster
 * does not tell, what kept it from that.
 */
export function expectSource(
  { context: { plan, reporter } }: RunOptions,
  fate: SourceFate,
  target: EngineView['target'],
  discardTarget = false,
): void {
  const news = newsOf(plan, fate);
  if (news === undefined) return;
  if ((target === 'restored' || target === 'running') && !discardTarget) {
    if (fate.unknown) throw fate.unknown;
    throw new MigrateError('F344', {
      detail: `${news}; the target holds its processes as they were at the freeze, and the way back removes them`,
      remedy: `if the source has what it needs: ${COMMAND} rollback ${plan.id} --discard-target`,
      outcome: 'midway',
    });
  }
  const text = fate.unknown ? news : `${news}: what it had in memory went with it, whatever the way back does`;
  reporter.notify({ code: 'W421', text });
}

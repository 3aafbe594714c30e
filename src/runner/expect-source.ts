import { MigrateError } from '../domain/errors.ts';
import { COMMAND } from '../domain/names.ts';
import type { EngineView } from '../engines/engine.ts';
import type { StepContext } from '../steps/step.ts';

/**
 * Before anything is taken back: the target’s copy may be all that is left when the source’s container is another one than
 * the image was taken of, which `change` tells. Throws F344 with outcome `midway` then, unless the copy may go.
 */
export function expectSource(
  { plan, reporter }: Pick<StepContext, 'plan' | 'reporter'>,
  change: string | undefined,
  target: EngineView['target'],
  discardTarget = false,
): void {
  if (change === undefined) return;
  if ((target === 'restored' || target === 'running') && !discardTarget) {
    throw new MigrateError('F344', {
      detail: `${change}; the target holds its processes as they were at the freeze, and the way back removes them`,
      remedy: `if the source has what it needs: ${COMMAND} rollback ${plan.id} --discard-target`,
      outcome: 'midway',
    });
  }
  reporter.notify({ code: 'W421', text: `${change}: what it had in memory went with it, whatever the way back does` });
}

import { asMigrateError, isTakenOver, MigrateError } from '../domain/errors.ts';
import { COMMAND } from '../domain/names.ts';
import type { RunOptions } from './context.ts';

/**
 * What a process throws that works on a migration: the same, or, where somebody else has the migration by now, that with
 * outcome `midway`. Whoever that is acts on both clusters, so this process touches neither any more.
 */
export function thrownBy({ context: { plan } }: RunOptions, error: unknown): unknown {
  if (!isTakenOver(error)) return error;
  const { code, detail } = asMigrateError(error);
  return new MigrateError(code, {
    detail: `${detail}; somebody else has taken ${plan.id} up or ended it, and this process touches nothing any more`,
    remedy: `look at where it stands: ${COMMAND} status ${plan.id}`,
    outcome: 'midway',
    takenOver: true,
    cause: error,
  });
}

import { failureCode } from '../domain/errors.ts';
import type { Side } from '../domain/refs.ts';
import { ifReachable } from './if-reachable.ts';
import { keep, type Lock } from './lock-keeping.ts';
import type { LockOptions } from './lock-options.ts';
import { afterGivingBack, type Held, isTaken, lookAtAll, type Taking, take } from './lock-taking.ts';

/**
 * Takes the locks of a migration and renews them until `remove` or `leave`. One that this migration left is taken once
 * nobody is at work on it; another migration's only with `force`. None is taken before all have been looked at. Throws F370
 * with who has it, and then all are as they were.
 */
export async function takeLock(given: LockOptions): Promise<Lock> {
  const { options, unasked } = noting(given);
  const looked = await lookAtAll(options);
  const takings: Taking[] = [];
  try {
    for (const { ref, found } of looked) {
      const taking: Taking = { ref, before: found, lease: undefined, unsure: false };
      takings.push(taking);
      await ifReachable(ref.side, options, () => take(taking, options));
      // The cluster can be asked by now, perhaps: a lock that is this process’s without its knowledge would never go.
      if (taking.unsure && (await ifReachable(ref.side, options, () => isTaken(taking, options))))
        unasked.delete(ref.side);
    }
  } catch (error) {
    throw await afterGivingBack(takings, options, error);
  }
  return keep(
    takings.filter((taking): taking is Held => taking.lease !== undefined),
    options,
    [...unasked],
  );
}

/** The same options, which note where a cluster could not be asked. F314: there is nothing that could be. */
function noting(given: LockOptions): { readonly options: LockOptions; readonly unasked: Set<Side> } {
  const unasked = new Set<Side>();
  const { onUnreachable } = given;
  if (!onUnreachable) return { options: given, unasked };
  const note = (side: Side, error: unknown): void => {
    if (failureCode(error) !== 'F314') unasked.add(side);
    onUnreachable(side, error);
  };
  return { options: { ...given, onUnreachable: note }, unasked };
}

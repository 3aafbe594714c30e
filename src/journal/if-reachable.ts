import { failureCode } from '../domain/errors.ts';
import type { Side } from '../domain/refs.ts';

export interface ReachOptions {
  /** Told of a cluster that cannot be asked; without it such a cluster is a failure. */
  readonly onUnreachable?: (side: Side, error: unknown) => void;
}

/** Whether a cluster cannot be asked at all. Pure. */
export function isUnreachable(error: unknown): boolean {
  const code = failureCode(error);
  return code === 'F310' || code === 'F311';
}

/** Undefined for a cluster that cannot be asked, where that is told of. */
export async function ifReachable<T>(
  side: Side,
  { onUnreachable }: ReachOptions,
  act: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    // F314: its namespace is gone, and with it everything that was ever there.
    if (!onUnreachable || !(isUnreachable(error) || failureCode(error) === 'F314')) throw error;
    onUnreachable(side, error);
    return undefined;
  }
}

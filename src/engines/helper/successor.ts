import { failureCode } from '../../domain/errors.ts';
import type { Side } from '../../domain/refs.ts';
import type { HelperPods } from './helper-pods.ts';
import type { WaitReport } from './start-pod.ts';

/** What is asked of a helper, and how one that has only just been started finds what another one left. */
export interface Errand<T> {
  readonly act: () => Promise<T>;
  readonly takeUp: () => Promise<unknown>;
}

/**
 * Has an act done by the helper of a side, or by another one that is started in its place and takes up what it left; also
 * by one that somebody else has started there since, which knows of nothing (F332). Throws what the act throws.
 */
export async function bySuccessor<T>(
  pods: HelperPods,
  side: Side,
  { act, takeUp }: Errand<T>,
  report: WaitReport,
): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (isNobodyThere(error)) await pods.replace(side, report);
    else if (failureCode(error) !== 'F332') throw error;
    await takeUp();
    return await act();
  }
}

/**
 * F314 is what the API server says of a pod that is gone, F316 of one that has ended, F317 of one whose program kubelet has not
 * started anew yet. Pure.
 */
export function isNobodyThere(error: unknown): boolean {
  return ['F331', 'F314', 'F316', 'F317'].includes(failureCode(error) ?? '');
}

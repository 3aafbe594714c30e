import { MigrateError } from '../domain/errors.ts';
import type { Deadlines } from '../domain/plan.ts';
import { unlessAborted } from '../domain/unless-aborted.ts';

/** How long a step may go on after its deadline to end its own wait with a better message than ours, in ms. */
const MANNERS_MS = 2000;

/** The flag that changes a deadline: `helperTimeout` is `--helper-timeout`. Pure. */
export function flagOf(deadline: keyof Deadlines): string {
  return `--${deadline.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/**
 * Runs an act with a signal that is aborted when `signal` is, or when the deadline passes; then throws F320 naming the
 * flag. The act itself decides how fast it stops; the wait for it ends at once. With an aborted `signal` it does not begin.
 */
export async function withDeadline<T>(
  act: (signal: AbortSignal) => Promise<T>,
  options: { name: string; deadline: keyof Deadlines; ms: number; signal: AbortSignal },
): Promise<T> {
  options.signal.throwIfAborted();
  const timer = new AbortController();
  const ran = new MigrateError('F320', {
    detail: `${options.name} took longer than ${options.ms / 1000} s`,
    remedy: `allow more with ${flagOf(options.deadline)}`,
  });
  const timeout = setTimeout(() => timer.abort(ran), options.ms + MANNERS_MS);
  const signal = AbortSignal.any([options.signal, timer.signal]);
  try {
    return await unlessAborted(signal, act(signal));
  } catch (error) {
    // One part has failed; the others must not go on beside the way back.
    timer.abort(error);
    throw error;
  } finally {
    clearTimeout(timeout);
  }
}

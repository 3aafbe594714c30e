import type { Clock } from '../domain/clock.ts';

/** How long a write that was sent is waited for after it was told to end, in ms. */
export const ANSWER_MS = 3_000;

/**
 * Carries out a write that goes on for `ANSWER_MS` when it is told to end: a server carries out what it was sent whether or
 * not somebody waits for the answer, and what comes only after a way back has looked for it would stay. `act` gets the
 * signal that ends it then. Throws what `act` throws, or the signal's reason when that came before or meanwhile.
 */
export async function untilAnswered<T>(
  clock: Clock,
  signal: AbortSignal | undefined,
  act: (late: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const [late, answered] = [new AbortController(), new AbortController()];
  const linger = (): void => {
    clock.sleep(ANSWER_MS, answered.signal).then(
      () => late.abort(signal?.reason),
      () => undefined,
    );
  };
  signal?.addEventListener('abort', linger, { once: true });
  try {
    return await act(late.signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', linger);
    answered.abort();
  }
}

import type { Clock } from '../domain/clock.ts';
import { ApiFailure } from './api-client.ts';

export interface RetryOptions {
  readonly clock: Clock;
  /** No attempt begins later than this long after the first, in ms. */
  readonly withinMs: number;
  /** An idempotent act is also repeated when the request may have reached the server. */
  readonly idempotent: boolean;
  readonly signal?: AbortSignal | undefined;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;

/**
 * Repeats an act on connection loss, 429 and 5xx, with doubling pauses (50 ms to 2 s) and full jitter, or as the
 * server's Retry-After asks. `act` gets the time that is left, in ms. Throws the last failure.
 */
export async function withRetry<T>(act: (leftMs: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, signal } = options;
  const end = clock.now() + options.withinMs;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await act(Math.max(1, end - clock.now()));
    } catch (error) {
      if (signal?.aborted || !isRetryable(error, options.idempotent)) throw error;
      const pause = retryAfterMs(error) ?? backoff(attempt, clock.random());
      if (clock.now() + pause >= end) throw error;
      await clock.sleep(pause, signal);
    }
  }
}

/** Whether the same request may be sent again. A refused connection and a 429 are safe for every verb. */
export function isRetryable(error: unknown, idempotent: boolean): boolean {
  if (!(error instanceof ApiFailure)) return false;
  const { info } = error;
  switch (info.kind) {
    case 'timeout':
      return false;
    case 'transport':
      return isTransient(info.code) && (idempotent || !info.sent);
    case 'status':
      return info.status.code === 429 || (idempotent && info.status.code >= 500 && info.status.code !== 501);
  }
}

/** A wrong certificate or an unknown name does not get better by asking again. */
function isTransient(code: string): boolean {
  return ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'].includes(
    code,
  );
}

function backoff(attempt: number, random: number): number {
  const ceiling = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt);
  return ceiling / 2 + (ceiling / 2) * random;
}

function retryAfterMs(error: unknown): number | undefined {
  if (!(error instanceof ApiFailure) || error.info.kind !== 'status') return undefined;
  const seconds = error.info.status.retryAfterSeconds;
  return seconds === undefined || seconds <= 0 ? undefined : seconds * 1000;
}

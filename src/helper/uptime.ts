import process from 'node:process';

/**
 * Milliseconds on the node's monotonic clock (CLOCK_MONOTONIC, since its boot), which runs on when its time of day is set
 * and is the same in every process on it; timers go by it too.
 */
export function uptimeMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

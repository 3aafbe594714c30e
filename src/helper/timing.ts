import { performance } from 'node:perf_hooks';
import type { Totals } from './bulk/framing.ts';
import type { Transfer } from './protocol.ts';

/** Runs an act and returns its milliseconds too. */
export async function timed<T>(act: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const started = performance.now();
  const value = await act();
  return { value, ms: performance.now() - started };
}

/** What was counted of a transfer, with its milliseconds. */
export const toTransfer = ({ bytes, sha256 }: Totals, milliseconds: number): Transfer => ({
  bytes,
  sha256,
  milliseconds,
});

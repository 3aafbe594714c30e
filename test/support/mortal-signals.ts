import { vi } from 'vitest';
import { settle } from '../fakes/fake-clock.ts';

/** So long does what a killed process still waits for take to hear of its end. */
const ROUNDS = 6;

/**
 * Runs a process of a test, with all that waits for signals in it ending when it ends. Node keeps a signal that was made
 * of others for good while somebody listens to it, and with it whatever a killed process knew.
 */
export async function withMortalSignals<T>(act: () => Promise<T>): Promise<T> {
  const over = new AbortController();
  const any = AbortSignal.any.bind(AbortSignal);
  const spy = vi.spyOn(AbortSignal, 'any').mockImplementation((signals) => any([...signals, over.signal]));
  try {
    return await act();
  } finally {
    over.abort(new Error('its process has ended'));
    for (let round = 0; round < ROUNDS; round++) await settle();
    spy.mockRestore();
  }
}

import { vi } from 'vitest';

/**
 * Runs a process of a test with signals made of others that go with it. Node keeps such a signal for good while somebody
 * listens to it, and with it whatever a killed process knew.
 */
export async function withMortalSignals<T>(act: () => Promise<T>): Promise<T> {
  const spy = vi.spyOn(AbortSignal, 'any').mockImplementation(following);
  try {
    return await act();
  } finally {
    spy.mockRestore();
  }
}

/** As `AbortSignal.any`, but held by nothing else than its sources and its listeners. */
function following(signals: Iterable<AbortSignal>): AbortSignal {
  const controller = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) controller.abort(signal.reason);
    else signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
  }
  return controller.signal;
}

import { vi } from 'vitest';

/** Replaces timers for the length of an act; time passes as fast as the act gets on. */
export async function inFakeTime<T>(act: () => Promise<T>, stepMs = 20): Promise<T> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    let over = false;
    const result = act().finally(() => {
      over = true;
    });
    result.catch(() => undefined);
    while (!over) await vi.advanceTimersByTimeAsync(stepMs);
    return await result;
  } finally {
    vi.useRealTimers();
  }
}

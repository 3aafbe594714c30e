import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { settle } from '../../../src/steps/settle.ts';
import type { StepContext } from '../../../src/steps/step.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function context(services: readonly string[], changedMsAgo: number): StepContext {
  return {
    plan: { route: { services } },
    results: { routes: { own: [], changedAt: Date.now() - changedMsAgo } },
    signal: new AbortController().signal,
    waiting: () => undefined,
  } as unknown as StepContext;
}

it.each([
  [['cart'], 500, 1500],
  [['cart'], 2500, 0],
  [[], 0, 0],
])('with services %j changed %i ms ago the freeze is put off by %i ms', async (services, ago, waitMs) => {
  const before = Date.now();
  const settled = settle.apply(context(services, ago), null);
  await vi.runAllTimersAsync();
  expect(await settled).toEqual({ waitMs });
  expect(Date.now() - before).toBe(waitMs);
});

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { endWhenForgotten } from '../../../src/helper/deadline.ts';
import { uptimeMs } from '../../../src/helper/uptime.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('a helper that was forgotten ends at its deadline, one that keeps something when that is over', () => {
  let keeping = true;
  const ended: number[] = [];
  const start = uptimeMs();
  const end = () => ended.push(uptimeMs() - start);
  endWhenForgotten(start + 60_000, () => false, end);
  endWhenForgotten(start + 60_000, () => keeping, end);
  vi.advanceTimersByTime(59_999);
  expect(ended).toEqual([]);
  vi.advanceTimersByTime(3_600_000);
  expect(ended).toEqual([60_000]);
  keeping = false;
  vi.advanceTimersByTime(1000);
  expect(ended).toHaveLength(2);
});

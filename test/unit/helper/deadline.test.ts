import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { endWhenForgotten } from '../../../src/helper/deadline.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('a helper that was forgotten ends at its deadline, one that keeps something when that is over', () => {
  let keeping = true;
  const ended: number[] = [];
  const start = Date.now();
  const end = () => ended.push(Date.now() - start);
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

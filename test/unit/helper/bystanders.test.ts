import { describe, expect, it } from 'vitest';
import { bystandersAmong } from '../../../src/helper/bystanders.ts';

const members = (...pairs: readonly (readonly [number, number])[]) => pairs.map(([pid, parent]) => ({ pid, parent }));

describe('what runs in a container beside its program', () => {
  it('is what was started from outside, with its children', () => {
    const program = members([10, 5], [11, 10], [12, 11]);
    expect(bystandersAmong([...program, ...members([20, 6], [21, 20])], 10)).toEqual([20, 21]);
  });

  it('is not the placeholder of a moved container, but what became a child of it', () => {
    const moved = members([10, 5], [29, 10], [30, 29]);
    expect(bystandersAmong([...moved, ...members([40, 10], [41, 7])], 29)).toEqual([40, 41]);
  });

  it('is nothing otherwise', () => {
    expect(bystandersAmong(members([10, 5], [11, 10]), 10)).toEqual([]);
    expect(bystandersAmong([], 10)).toEqual([]);
  });
});

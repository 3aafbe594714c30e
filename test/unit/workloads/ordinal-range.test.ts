import { describe, expect, it } from 'vitest';
import { including, isAtEnd, isNextTo, without } from '../../../src/workloads/ordinal-range.ts';

const range = (start: number, replicas: number) => ({ start, replicas });

describe('the ordinals of a set', () => {
  it.each([
    ['the only one', range(0, 1), 0, range(0, 0)],
    ['the highest', range(0, 3), 2, range(0, 2)],
    ['the lowest', range(0, 3), 0, range(1, 2)],
    ['the lowest of a set that starts later', range(4, 2), 4, range(5, 1)],
    ['one that somebody has put others above of', range(0, 5), 2, range(0, 2)],
    ['one that it does not have', range(0, 2), 2, range(0, 2)],
  ])('without %s', (_name, before, ordinal, after) => {
    expect(without(before, ordinal)).toEqual(after);
    expect(without(after, ordinal)).toEqual(after);
  });

  it.each([
    ['the first', range(0, 0), 2, range(2, 1)],
    ['the next above', range(0, 2), 2, range(0, 3)],
    ['the next below', range(2, 1), 1, range(1, 2)],
    ['one that it wants already', range(0, 3), 1, range(0, 3)],
  ])('with %s', (_name, before, ordinal, after) => {
    expect(including(before, ordinal)).toEqual(after);
    expect(including(after, ordinal)).toEqual(after);
  });

  it.each([
    [range(0, 3), 1, false, false],
    [range(0, 3), 2, true, false],
    [range(0, 3), 3, false, true],
    [range(2, 1), 1, false, true],
    [range(2, 1), 0, false, false],
    [range(0, 0), 7, false, true],
  ])('%j and %i: at its end %s, next to it %s', (of, ordinal, atEnd, nextTo) => {
    expect([isAtEnd(of, ordinal), isNextTo(of, ordinal)]).toEqual([atEnd, nextTo]);
  });
});

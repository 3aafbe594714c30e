import { describe, expect, it } from 'vitest';
import { makeForecast, type PastMove } from '../../../src/planner/forecast.ts';

const MIB = 2 ** 20;
const of = { namespace: 'shop', pod: 'cart-0', contexts: ['east', 'west'] } as const;

function past(pod: string, mib: number, downMs: number, parts: Partial<PastMove> = {}): PastMove {
  return {
    id: `m-${pod}-${mib}`,
    at: '2026-01-01T00:00:00.000Z',
    source: { context: 'east', namespace: 'shop', pod },
    target: { context: 'west', node: 'west-1' },
    bytes: mib * MIB,
    downMs,
    totalMs: downMs + 4000,
    frozenMs: downMs,
    ...parts,
  };
}

describe('a forecast', () => {
  it('follows the pod’s own past moves, the median of them', () => {
    const own = [past('cart-0', 27, 400), past('cart-0', 27, 600), past('cart-0', 28, 5000)];
    const forecast = makeForecast({ past: [...own, past('other', 900, 9000)] }, of);
    expect(forecast).toEqual({ downMs: 600, totalMs: 4600, basis: ['3 past moves of this pod, 27 MiB in the freeze'] });
  });

  it('follows the line through other moves between the same clusters', () => {
    const others = [past('a', 100, 1300), past('b', 200, 2300), past('c', 300, 3300)];
    const elsewhere = past('d', 100, 60_000, { source: { context: 'north', namespace: 'shop', pod: 'd' } });
    const { downMs, totalMs, basis } = makeForecast({ past: [...others, elsewhere], memoryBytes: 250 * MIB }, of);
    expect(downMs).toBe(2800);
    expect(totalMs).toBe(6800);
    expect(basis).toEqual([
      '250 MiB of memory in use (metrics)',
      'link 100 MiB/s',
      '3 past moves between these clusters',
    ]);
  });

  it('takes memory that nobody measured as that of other moves, and says so', () => {
    const { downMs, basis } = makeForecast({ past: [past('a', 30, 500)] }, of);
    expect(downMs).toBe(500);
    expect(basis).toEqual(['memory not known, taken as 30 MiB', '1 past move between these clusters']);
  });

  it('says what it assumes where nothing is known', () => {
    const { downMs, totalMs, basis } = makeForecast({ past: [], memoryBytes: 100 * MIB }, of);
    expect({ downMs, totalMs }).toEqual({ downMs: 1300, totalMs: 6300 });
    expect(basis.join()).toMatch(/100 MiB of memory in use.*no past move known: 300 ms and 100 MiB\/s assumed/);
  });

  it('is not bent by one move that was slow', () => {
    const usual = [past('a', 1, 400), past('b', 1, 380), past('c', 1, 420), past('d', 8, 500), past('e', 8, 520)];
    const { downMs } = makeForecast({ past: [...usual, past('f', 219, 16_200)], memoryBytes: MIB }, of);
    expect(downMs).toBeLessThan(600);
  });

  it('is never negative, whatever the past says', () => {
    const odd = [past('a', 10, 900), past('b', 500, 100)];
    expect(makeForecast({ past: odd, memoryBytes: 5000 * MIB }, of).downMs).toBeGreaterThanOrEqual(0);
  });
});

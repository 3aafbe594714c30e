import { describe, expect, it } from 'vitest';
import { checkForecast } from '../../../src/planner/checks/freeze-budget.ts';
import { gatherFacts } from '../../../src/planner/facts.ts';
import { type Evidence, makeForecast, type PastMove } from '../../../src/planner/forecast.ts';
import { makePlan } from '../../../src/planner/make-plan.ts';
import { STEPS } from '../../../src/steps/index.ts';
import { runningPod } from '../../fixtures/objects.ts';
import { request, twoClusters } from '../../fixtures/two-clusters.ts';

const CART = { namespace: 'shop', pod: 'cart-0', contexts: ['east', 'west'] } as const;
const GIB = 2 ** 30;

function moved(pod: string, downMs: number): PastMove {
  return {
    id: 'm-1',
    at: '2026-01-01T00:00:00.000Z',
    source: { context: 'east', namespace: 'shop', pod },
    target: { context: 'west', node: 'west-1' },
    bytes: GIB,
    downMs,
    totalMs: downMs,
  };
}

function judged(evidence: Evidence, budget: number, asked = budget) {
  return checkForecast(makeForecast(evidence, CART), { budget, asked }, evidence, CART);
}

describe('a move whose downtime is forecast', () => {
  it('to be longer than the source may be frozen is declined with both numbers, and how to allow more', () => {
    const [found, ...others] = judged({ past: [moved('cart-0', 45_000)] }, 30_000);
    expect(others).toEqual([]);
    expect(found).toMatchObject({ code: 'E134', severity: 'error' });
    expect(found?.what).toMatch(/45\.0 s .*1 past move of this pod.* 30\.0 s/);
    expect(found?.remedy).toContain('--max-freeze 90s');
    expect(judged({ past: [], memoryBytes: 5 * GIB }, 30_000)).toMatchObject([{ code: 'E134' }]);
  });

  it('names the probe where that is what allows no more', () => {
    const [found] = judged({ past: [], memoryBytes: 5 * GIB }, 6_000, 30_000);
    expect(found?.remedy).toMatch(/livenessProbe.*30\.0 s.*failureThreshold/);
    expect(found?.field).toContain('livenessProbe');
  });

  it('is let through within the budget, and where only other pods were moved', () => {
    expect(judged({ past: [moved('cart-0', 29_000)] }, 30_000)).toEqual([]);
    expect(judged({ past: [moved('db-0', 90_000)] }, 30_000)).toEqual([]);
    expect(judged({ past: [] }, 100)).toEqual([]);
  });

  it('has no plan', async () => {
    const { readers } = twoClusters({ pod: runningPod({ container: { livenessProbe: { tcpSocket: { port: 1 } } } }) });
    const facts = await gatherFacts(request(), readers.source, readers.target);
    const options = { id: 'm-test', createdAt: '2026-01-01T00:00:00.000Z', steps: STEPS };
    const evidence = { past: [], memoryBytes: 5 * GIB };
    await expect(makePlan(facts, { ...options, evidence })).rejects.toMatchObject({
      code: 'F305',
      findings: [{ code: 'E134', what: expect.stringContaining('20.0 s') }],
    });
    expect((await makePlan(facts, options)).deadlines.maxFreeze).toBe(20_000);
  });
});

import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/domain/json.ts';
import type { EntryKind, JournalRecord } from '../../../src/journal/record.ts';
import type { Probe } from '../../../src/kube/objects.ts';
import { checkForecast } from '../../../src/planner/checks/freeze-budget.ts';
import { gatherFacts } from '../../../src/planner/facts.ts';
import { type Evidence, makeForecast, type PastMove } from '../../../src/planner/forecast.ts';
import { makePlan } from '../../../src/planner/make-plan.ts';
import { pastMove } from '../../../src/planner/past-moves.ts';
import { STEPS } from '../../../src/steps/index.ts';
import { runningPod } from '../../fixtures/objects.ts';
import { request, twoClusters } from '../../fixtures/two-clusters.ts';

const CART = { namespace: 'shop', pod: 'cart-0', contexts: ['east', 'west'] } as const;
const GIB = 2 ** 30;

function moved(pod: string, frozenMs: number): PastMove {
  return {
    id: 'm-1',
    at: '2026-01-01T00:00:00.000Z',
    source: { context: 'east', namespace: 'shop', pod },
    target: { context: 'west', node: 'west-1' },
    bytes: GIB,
    downMs: frozenMs * 2,
    totalMs: frozenMs * 2,
    frozenMs,
  };
}

function judged(evidence: Evidence, budget: number, asked = budget, fatal = Number.POSITIVE_INFINITY) {
  return checkForecast(makeForecast(evidence, CART), { budget, asked, fatal }, evidence, CART);
}

describe('a freeze that is expected', () => {
  it('to be longer than the source may have is declined with both numbers, and how to allow more', () => {
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

  it('is declined where a probe that tolerates hardly any would certainly end the source, and only there', () => {
    const [found] = judged({ past: [moved('cart-0', 5_100)] }, 30_000, 30_000, 5_000);
    expect(found?.what).toMatch(/5\.1 s .* 5\.0 s$/);
    expect(found?.why).toMatch(/kubelet would end the source/);
    expect(found?.remedy).toMatch(/livenessProbe.*30\.0 s.*failureThreshold/);
    expect(judged({ past: [moved('cart-0', 4_900)] }, 30_000, 30_000, 5_000)).toEqual([]);
    expect(judged({ past: [] }, 30_000, 30_000, 100)).toEqual([]);
  });

  it('is let through within the budget, and where only other pods were moved', () => {
    expect(judged({ past: [moved('cart-0', 29_000)] }, 30_000)).toEqual([]);
    expect(judged({ past: [moved('db-0', 90_000)] }, 30_000)).toEqual([]);
    expect(judged({ past: [] }, 100)).toEqual([]);
  });

  it('is what the source had from the freeze to the commit, whoever went on after that', () => {
    const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds)).toISOString();
    const entry = (serial: number, step: string, kind: EntryKind, seconds: number, data?: Json) =>
      ({ serial, step, kind, time: at(seconds), ...(data && { data }) }) as const;
    const { source, target } = moved('cart-0', 0);
    const plan = { source, target } as unknown as Json;
    const entries = [
      entry(1, 'freeze', 'intent', 10),
      entry(2, 'freeze', 'done', 11, { bytes: GIB }),
      entry(3, 'commit', 'commit', 13),
      entry(4, 'lock', 'resumed', 60),
      entry(5, 'switch', 'done', 61, { downMs: 51_000 }),
    ];
    const record = { id: 'm-1', createdAt: at(0), state: 'done', plan, entries } as unknown as JournalRecord;
    expect(pastMove(record)).toMatchObject({ frozenMs: 3000, downMs: 51_000 });
  });

  const options = { id: 'm-test', createdAt: '2026-01-01T00:00:00.000Z', steps: STEPS };
  const probedBy = async (probe: Probe) => {
    const livenessProbe = { tcpSocket: { port: 1 }, ...probe };
    const { readers } = twoClusters({ pod: runningPod({ container: { livenessProbe } }) });
    return gatherFacts(request(), readers.source, readers.target);
  };

  it('beyond what a probe that tolerates hardly any can leave alone leads to no plan', async () => {
    const facts = await probedBy({ failureThreshold: 1, periodSeconds: 5 });
    const evidence = (memoryBytes: number) => ({ past: [], memoryBytes });
    await expect(makePlan(facts, { ...options, evidence: evidence(2 * GIB) })).rejects.toMatchObject({
      code: 'F305',
      findings: [{ code: 'E134', what: expect.stringMatching(/20\.8 s .* 5\.0 s$/) }],
    });
    const plan = await makePlan(facts, { ...options, evidence: evidence(GIB / 4) });
    expect(plan.deadlines.maxFreeze).toBe(30_000);
    expect(plan.warnings.map(({ code }) => code)).toContain('W204');
  });

  it('beyond the budget leads to no plan', async () => {
    const facts = await probedBy({});
    const evidence = { past: [], memoryBytes: 5 * GIB };
    await expect(makePlan(facts, { ...options, evidence })).rejects.toMatchObject({
      code: 'F305',
      findings: [{ code: 'E134', what: expect.stringContaining('20.0 s') }],
    });
    expect((await makePlan(facts, options)).deadlines.maxFreeze).toBe(20_000);
  });
});

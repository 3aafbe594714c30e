import { describe, expect, it } from 'vitest';
import { DEFAULT_DEADLINES } from '../../../src/domain/plan.ts';
import type { Probe } from '../../../src/kube/objects.ts';
import { checkLiveness } from '../../../src/planner/checks/liveness.ts';
import { runningPod } from '../../fixtures/objects.ts';

function judged(livenessProbe: Probe | undefined, maxFreeze = DEFAULT_DEADLINES.maxFreeze) {
  const pod = runningPod(livenessProbe ? { container: { livenessProbe } } : {});
  return checkLiveness(pod, { ...DEFAULT_DEADLINES, maxFreeze });
}

describe('the freeze', () => {
  it.each<readonly [string, Probe | undefined, number]>([
    ['is as long as was asked for without a liveness probe', undefined, 30_000],
    ['stays within what the API’s defaults tolerate', { tcpSocket: { port: 1 } }, 20_000],
    ['stays within what the probe tolerates', { tcpSocket: { port: 1 }, periodSeconds: 2, failureThreshold: 4 }, 6_000],
    ['is not made longer by a patient probe', { tcpSocket: { port: 1 }, failureThreshold: 10 }, 30_000],
  ])('%s', (_name, probe, expected) => {
    const { deadlines, fatalMs, findings } = judged(probe);
    expect(deadlines).toEqual({ ...DEFAULT_DEADLINES, maxFreeze: expected });
    expect({ fatalMs, findings }).toEqual({ fatalMs: Number.POSITIVE_INFINITY, findings: [] });
  });

  it.each<readonly [number, number, number]>([
    [1, 1, 1_000],
    [1, 5, 5_000],
    [2, 1, 2_000],
  ])(
    'certainly ends a source whose probe fails %d times, every %d s, after %d ms',
    (failureThreshold, periodSeconds, ms) => {
      const { deadlines, fatalMs, findings } = judged({ tcpSocket: { port: 1 }, periodSeconds, failureThreshold });
      expect({ deadlines, fatalMs }).toEqual({ deadlines: DEFAULT_DEADLINES, fatalMs: ms });
      expect(findings).toMatchObject([{ code: 'W204' }]);
    },
  );

  it('is a warning where the probe tolerates hardly any', () => {
    const { deadlines, findings } = judged({ tcpSocket: { port: 1 }, periodSeconds: 1, failureThreshold: 1 });
    expect(deadlines).toEqual(DEFAULT_DEADLINES);
    expect(findings).toMatchObject([{ code: 'W204', severity: 'warning', what: expect.stringContaining('0 s') }]);
  });
});

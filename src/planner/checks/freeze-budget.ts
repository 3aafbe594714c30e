import type { Finding } from '../../domain/finding.ts';
import type { Forecast } from '../../domain/plan.ts';
import { type Evidence, expectedFreeze, type ForecastOf } from '../forecast.ts';

/** How long the source may be frozen, what was asked for, and what certainly ends it, in ms. */
export interface FreezeLimits {
  readonly budget: number;
  readonly asked: number;
  readonly fatal: number;
}

/**
 * E134 where a source would be frozen for longer than it may: it goes on by itself when its time is over, and the move would
 * be led back; or kubelet ends it before that. Pure.
 */
export function checkForecast(
  forecast: Forecast,
  { budget, asked, fatal }: FreezeLimits,
  evidence: Evidence,
  of: ForecastOf,
): Finding[] {
  const expected = expectedFreeze(evidence, of, forecast);
  const allowed = Math.min(budget, fatal);
  if (!expected || expected.ms <= allowed) return [];
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const isProbe = allowed < asked;
  return [
    {
      code: 'E134',
      severity: 'error',
      what: `the source is expected to be frozen for ${seconds(expected.ms)} (${expected.basis}), and may be for ${seconds(allowed)}`,
      why:
        fatal < budget
          ? 'kubelet would end the source for its silence, and should the move fail then, its memory is lost'
          : 'the source would go on by itself before the target is there, and the move would be led back',
      remedy: isProbe
        ? `its livenessProbe tolerates no more (--max-freeze is ${seconds(asked)}): move it with a higher failureThreshold`
        : `allow more with --max-freeze ${Math.ceil(expected.ms / 1000) * 2}s`,
      ...(isProbe && { field: 'spec.containers[].livenessProbe.failureThreshold' }),
    },
  ];
}

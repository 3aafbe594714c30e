import type { Finding } from '../../domain/finding.ts';
import type { Forecast } from '../../domain/plan.ts';
import { type Evidence, type ForecastOf, isAbout } from '../forecast.ts';

/** How long the source may be frozen, and what was asked for, in ms. */
export interface FreezeLimits {
  readonly budget: number;
  readonly asked: number;
}

/**
 * E134 where a move would be down for longer than its source may be frozen: that goes on by itself when its time is over,
 * and the move would be led back. Nothing is said of a forecast that is made of other pods alone. Pure.
 */
export function checkForecast(
  { downMs, basis }: Forecast,
  { budget, asked }: FreezeLimits,
  evidence: Evidence,
  of: ForecastOf,
): Finding[] {
  if (downMs <= budget || !isAbout(evidence, of)) return [];
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const isProbe = budget < asked;
  return [
    {
      code: 'E134',
      severity: 'error',
      what: `the move is expected to take ${seconds(downMs)} of downtime (${basis.join('; ')}), and the source may be frozen for ${seconds(budget)}`,
      why: 'the source would go on by itself before the target is there, and the move would be led back',
      remedy: isProbe
        ? `its livenessProbe tolerates no more (--max-freeze is ${seconds(asked)}): move it with a higher failureThreshold`
        : `allow more with --max-freeze ${Math.ceil(downMs / 1000) * 2}s`,
      ...(isProbe && { field: 'spec.containers[].livenessProbe.failureThreshold' }),
    },
  ];
}

import type { Finding } from '../../domain/finding.ts';
import type { Deadlines } from '../../domain/plan.ts';
import type { Pod, Probe } from '../../kube/objects.ts';

/** A freeze is seldom shorter, in ms: with less patience a liveness probe may well end the source. */
const SHORT_MS = 2000;

/** The freeze that the source survives, and W204 where that is hardly any. */
export interface FreezeBudget {
  readonly deadlines: Deadlines;
  /** A freeze of more ms certainly ends the source: of the probes that W204 tells of, infinite where there is none. */
  readonly fatalMs: number;
  readonly findings: readonly Finding[];
}

/**
 * Keeps the freeze within what the liveness probes of the source tolerate: kubelet cannot tell a frozen container from a
 * hung one and restarts it, and its memory is lost. One that tolerates hardly any does not keep it shorter, for no move would
 * be short enough; with luck it is over before the probe. Pure.
 */
export function checkLiveness(pod: Pod, deadlines: Deadlines): FreezeBudget {
  const probed = pod.spec.containers.flatMap(({ name, livenessProbe }) =>
    livenessProbe ? [{ name, patienceMs: patienceOf(livenessProbe), fatalMs: fatalFor(livenessProbe) }] : [],
  );
  const patient = probed.filter(({ patienceMs }) => patienceMs >= SHORT_MS);
  const hasty = probed.filter(({ patienceMs }) => patienceMs < SHORT_MS);
  return {
    deadlines: { ...deadlines, maxFreeze: Math.min(deadlines.maxFreeze, ...patient.map((each) => each.patienceMs)) },
    fatalMs: Math.min(Number.POSITIVE_INFINITY, ...hasty.map((each) => each.fatalMs)),
    findings: hasty.map(({ name, patienceMs }) => impatient(name, patienceMs)),
  };
}

/**
 * The first probe that fails may come right after the freeze begins. The grace period that kubelet gives the container then
 * does not count: a source that was told to end does so as soon as it goes on, and there is no way back.
 */
function patienceOf({ failureThreshold = 3, periodSeconds = 10 }: Probe): number {
  return (failureThreshold - 1) * periodSeconds * 1000;
}

/** At best the last probe that succeeds comes right before the freeze. */
function fatalFor({ failureThreshold = 3, periodSeconds = 10 }: Probe): number {
  return failureThreshold * periodSeconds * 1000;
}

function impatient(container: string, patienceMs: number): Finding {
  return {
    code: 'W204',
    severity: 'warning',
    what: `the liveness probe of container ${container} tolerates ${patienceMs / 1000} s of silence`,
    why: 'a probe that falls into the freeze ends the source, and should the move fail then, its memory is lost',
    remedy: 'move a pod whose livenessProbe has a higher failureThreshold where that must not happen',
    field: `spec.containers[name=${container}].livenessProbe.failureThreshold`,
  };
}

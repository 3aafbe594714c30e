import type { Finding } from '../../domain/finding.ts';
import type { Deadlines } from '../../domain/plan.ts';
import type { Pod } from '../../kube/objects.ts';

/** A freeze is seldom shorter, in ms: with less patience a liveness probe may well end the source. */
const SHORT_MS = 2000;

/** The freeze that the source survives, and W204 where that is hardly any. */
export interface FreezeBudget {
  readonly deadlines: Deadlines;
  readonly findings: readonly Finding[];
}

/**
 * Keeps the freeze within what the liveness probe of the source tolerates: kubelet cannot tell a frozen container from a
 * hung one and restarts it, and its memory is lost. Pure.
 */
export function checkLiveness(pod: Pod, deadlines: Deadlines): FreezeBudget {
  const [container] = pod.spec.containers;
  const probe = container?.livenessProbe;
  if (!container || !probe) return { deadlines, findings: [] };
  // The first probe that fails may come right after the freeze begins.
  const patienceMs = ((probe.failureThreshold ?? 3) - 1) * (probe.periodSeconds ?? 10) * 1000;
  if (patienceMs >= SHORT_MS) {
    return { deadlines: { ...deadlines, maxFreeze: Math.min(deadlines.maxFreeze, patienceMs) }, findings: [] };
  }
  return { deadlines, findings: [impatient(container.name, patienceMs)] };
}

function impatient(container: string, patienceMs: number): Finding {
  return {
    code: 'W204',
    severity: 'warning',
    what: `the liveness probe of container ${container} tolerates ${patienceMs / 1000} s of silence`,
    why: 'a probe that falls into the freeze ends the source, and should the move fail then, its memory is lost',
    remedy: 'move a pod whose livenessProbe has a higher failureThreshold where that must not happen',
    field: 'spec.containers[0].livenessProbe.failureThreshold',
  };
}

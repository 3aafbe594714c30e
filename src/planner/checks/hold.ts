import type { Finding } from '../../domain/finding.ts';
import type { PlannedWorkload } from '../../domain/workload.ts';
import type { Pod } from '../../kube/objects.ts';
import { canBeHeld, isRenewed } from '../../workloads/index.ts';

/**
 * Why the source of a move cannot be kept stopped for a while (E148), or until when only it can be (W214). `shared`: it uses
 * volumes that the target has as they are. Pure.
 */
export function checkHold(pod: Pod, workload: PlannedWorkload, holdMs: number, shared = false): Finding[] {
  if (holdMs === 0) return [];
  if (shared) return [sharedFiles(pod)];
  return canBeHeld(workload) ? shortHolds(pod, holdMs) : [noHold(pod, workload)];
}

function noHold({ metadata: { name } }: Pod, workload: PlannedWorkload): Finding {
  const why = isRenewed(workload)
    ? `the name ${name} has to be freed for the target pod, so the source pod is deleted; its image is kept on both nodes only until the target runs`
    : 'within its namespace the ReplicaSet gives up the source pod for the one that takes its place';
  return {
    code: 'E148',
    severity: 'error',
    what: `pod ${name} cannot be held after this move`,
    why,
    remedy: 'move it without --hold; to have it back, move it back as it is then',
  };
}

function sharedFiles({ metadata: { name } }: Pod): Finding {
  return {
    code: 'E148',
    severity: 'error',
    what: `pod ${name} cannot be held after this move`,
    why: 'the target writes to the very volume that the source has: memory of the freeze and files of later would not fit',
    remedy: 'move it without --hold; to have it back, move it back as it is then',
    field: 'spec.volumes',
  };
}

/** Kubelet waits for the probe to fail so many times, and then for the grace period. */
function shortHolds({ spec }: Pod, holdMs: number): Finding[] {
  return spec.containers.flatMap(({ name, livenessProbe }) => {
    if (!livenessProbe) return [];
    const { failureThreshold = 3, periodSeconds = 10 } = livenessProbe;
    const seconds = failureThreshold * periodSeconds;
    if (seconds * 1000 >= holdMs) return [];
    return [
      {
        code: 'W214',
        severity: 'warning',
        what: `the liveness probe of container ${name} gives up ${seconds} s after the freeze`,
        why: 'kubelet then ends the stopped processes: nothing of them is started afresh, and there is no way back any more',
        remedy: `go back within ${seconds} s, or hold a pod whose liveness probe is more patient`,
        field: `spec.containers[name=${name}].livenessProbe`,
      } satisfies Finding,
    ];
  });
}

import type { PlannedBarePod } from '../domain/workload.ts';
import { controllerOf } from '../kube/owner-objects.ts';
import { removeSourcePod } from './source-pod.ts';
import type { Workload } from './workload.ts';

/** A pod of nobody's: whoever deletes it has taken its place away, and whoever makes one of that name has it. */
export const barePod: Workload<PlannedBarePod> = {
  kind: 'bare-pod',
  owns: (facts) => controllerOf(facts.pod) === undefined,
  detect: () => ({ usable: { kind: 'bare-pod' }, findings: [] }),
  effects: () => [],
  moments: { giveUp: removeSourcePod },
};

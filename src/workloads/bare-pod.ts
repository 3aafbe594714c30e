import type { Plan } from '../domain/plan.ts';
import type { PlannedBarePod } from '../domain/workload.ts';
import type { Pod } from '../kube/objects.ts';
import { controllerOf } from '../kube/owner-objects.ts';
import { giveLabels, takeLabels } from './aside.ts';
import { removeSourcePod } from './source-pod.ts';
import type { Workload } from './workload.ts';

/** A pod of nobody's: whoever deletes it has taken its place away, and whoever makes one of that name has it. */
export const barePod: Workload<PlannedBarePod> = {
  kind: 'bare-pod',
  owns: (facts) => controllerOf(facts.pod) === undefined,
  detect: () => ({ usable: { kind: 'bare-pod' }, findings: [] }),
  effects: () => [],
  moments: {
    giveUp: removeSourcePod,
    standAside: (context) => takeLabels(context, labelsOf(context.plan)),
    giveBackTarget: async () => undefined,
    comeBack: (context) => giveLabels(context, labelsOf(context.plan), undefined),
  },
};

/** A bare pod has the same labels in the target. */
function labelsOf({ manifest }: Plan): Readonly<Record<string, string>> {
  return (manifest as unknown as Pod).metadata.labels ?? {};
}

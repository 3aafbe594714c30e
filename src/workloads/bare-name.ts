import type { Effect } from '../domain/effect.ts';
import type { PlanDraft } from '../domain/plan.ts';
import type { PlannedBareName } from '../domain/workload.ts';
import type { Pod } from '../kube/objects.ts';
import { controllerOf } from '../kube/owner-objects.ts';
import { RESOURCES } from '../kube/resources.ts';
import { refOf } from './counted-owner.ts';
import { isOnePlace } from './owner-facts.ts';
import { pinned, withCommandLines } from './placeholder-pod.ts';
import { freeName } from './renewed-pod.ts';
import type { Workload } from './workload.ts';

/** A pod of nobody's that keeps its name within its namespace: it is deleted and made anew. */
export const bareName: Workload<PlannedBareName> = {
  kind: 'bare-name',
  owns: (facts) => isOnePlace(facts) && !facts.renamed && controllerOf(facts.pod) === undefined,
  detect: () => ({ usable: { kind: 'bare-name' }, findings: [] }),
  effects,
  moments: {
    async renew(context, _planned, renewal) {
      const { plan, gateway, signal } = context;
      if (await freeName(context, renewal.node)) return;
      const pod = withCommandLines(plan.manifest as unknown as Pod, renewal.commandLines);
      const affinity = pinned(pod.spec.affinity, renewal.node);
      await gateway.create('target', RESOURCES.pod, { ...pod, spec: { ...pod.spec, affinity } }, { signal });
    },
  },
};

function effects(draft: PlanDraft): Effect[] {
  const place = {
    step: 'place',
    phase: 'switch',
    object: refOf(draft, 'target', RESOURCES.pod, draft.target.pod),
  } as const;
  return [
    { ...place, verb: 'create', detail: `in the place of the source pod, on node ${draft.target.node}` },
    { ...place, verb: 'delete', detail: `where it cannot be restored, to be made on node ${draft.source.node}` },
  ];
}

import type { Effect } from '../../domain/effect.ts';
import type { PlanDraft } from '../../domain/plan.ts';
import type { ObjectRef, Side } from '../../domain/refs.ts';
import { RESOURCES } from '../../kube/resources.ts';
import { targetPodEffects } from '../target-pod.ts';
import { HELPER_POLICY, helperRef } from './helper-pod.ts';

/** The helper engine: a helper pod on each of the two nodes, and a placeholder. Pure. */
export function helperEngineEffects(draft: PlanDraft): Effect[] {
  const placeholder = `from the source’s spec, on node ${draft.target.node}`;
  return [
    ...namespaceEffects(draft),
    ...draft.helper.sides.flatMap((side) => helperPodEffects(draft, side)),
    ...targetPodEffects(draft, 'placeholder', 'prepare', placeholder),
  ];
}

/** The system namespace where the plan found none: helper pods and records are kept there. Pure. */
export function namespaceEffects({ helper }: PlanDraft): Effect[] {
  return helper.createNamespaceIn.flatMap((side): Effect[] => {
    const object: ObjectRef = { side, apiVersion: 'v1', kind: 'Namespace', name: helper.namespace };
    const { apiVersion, kind } = RESOURCES.networkPolicy;
    const policy: ObjectRef = { side, apiVersion, kind, namespace: helper.namespace, name: HELPER_POLICY };
    return [
      { step: 'helpers', phase: 'prepare', verb: 'create', object, detail: 'for helper pods' },
      { step: 'helpers', phase: 'prepare', verb: 'create', object: policy, detail: 'no network for helper pods' },
      {
        step: 'finalize',
        phase: 'finalize',
        verb: 'delete',
        object,
        detail: 'when nothing is in it',
        // The source's keeps the record of the migration and goes away only on the way back.
        undoes: side === 'source',
      },
    ];
  });
}

/** What running a helper pod does to a cluster: the pod, streams into it, and its removal. Pure. */
export function helperPodEffects(draft: PlanDraft, side: Side): Effect[] {
  const prepare = { step: 'helpers', phase: 'prepare' } as const;
  const { resource: _resource, ...object } = helperRef(draft, side);
  return [
    { ...prepare, verb: 'create', object, detail: `privileged, on node ${draft[side].node}` },
    { ...prepare, verb: 'exec', object, detail: 'requests and data' },
    { step: 'finalize', phase: 'finalize', verb: 'delete', object, detail: 'no longer needed' },
  ];
}

import type { Effect } from '../../domain/effect.ts';
import type { PlanDraft } from '../../domain/plan.ts';
import { helperPodEffects, namespaceEffects } from '../helper/effects.ts';
import { targetPodEffects } from '../target-pod.ts';
import { pullPodRef } from './pull-pod.ts';

/**
 * The kubelet engine: a helper pod beside the source, which fences it and reads the archive from its node, and where that is
 * allowed one in the target, which looks at its node; a pod in the target that pulls images; the checkpoint; and a target
 * pod whose image is the checkpoint. Pure.
 */
export function kubeletEngineEffects(draft: PlanDraft): Effect[] {
  const { source, archive } = draft;
  const { resource: _resource, ...puller } = pullPodRef(draft);
  const pull = { step: 'placeholder', phase: 'prepare', object: puller } as const;
  const image = `${archive?.host}/${archive?.repository}:${archive?.tag}`;
  return [
    ...namespaceEffects(draft),
    ...draft.helper.sides.flatMap((side) => helperPodEffects(draft, side)),
    { ...pull, verb: 'create', detail: `has node ${draft.target.node} pull the image and try the registry` },
    { ...pull, verb: 'delete', detail: 'has pulled' },
    {
      step: 'freeze',
      phase: 'freeze',
      verb: 'checkpoint',
      object: { side: 'source', apiVersion: 'v1', kind: 'Node', name: source.node },
      detail: `container ${source.containers.map(({ name }) => name).join(', ')}, into kubelet’s folder, from there to ${image}`,
    },
    ...targetPodEffects(draft, 'restore', 'restore', `its image is the checkpoint, on node ${draft.target.node}`),
  ];
}

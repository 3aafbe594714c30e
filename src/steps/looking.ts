import type { Effect } from '../domain/effect.ts';
import type { Plan } from '../domain/plan.ts';
import { pullPodRef } from '../engines/kubelet/pull-pod.ts';
import { probeOnly } from './probe.ts';
import { startHelpers } from './start-helpers.ts';
import type { Step } from './step.ts';

/** The steps of a move that look at the pod from the nodes, and nothing beyond. */
export const LOOKING = [startHelpers, probeOnly] as readonly Step[];

/**
 * What is left of a plan when nothing but looking is done: lock, record, audit record and helper pods, which all lie in
 * the program's own namespace, and that namespace. All of it goes again but the audit record: what is the way back of a
 * move is the way of a look. Pure.
 */
export function lookingPlan(plan: Plan): Plan {
  const { namespace } = plan.helper;
  // The way back of the kubelet engine makes sure that there is none.
  const pulls = ({ verb, object }: Effect) => verb === 'delete' && object.name === pullPodRef(plan).name;
  // Nothing is made of its variables.
  const isOwn = ({ object: { kind, namespace: place } }: Effect) =>
    (place === namespace && kind !== 'Secret') || kind === 'Namespace';
  const own = plan.effects.filter((effect) => isOwn(effect) || pulls(effect));
  return { ...plan, effects: own.map(asWayForward) };
}

function asWayForward({ undoes = false, ...effect }: Effect): Effect {
  return undoes ? { ...effect, phase: 'finalize', detail: 'no longer needed' } : effect;
}

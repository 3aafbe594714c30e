import type { Effect } from '../domain/effect.ts';
import type { Json } from '../domain/json.ts';
import { HELD_LABEL } from '../domain/names.ts';
import type { PlanDraft } from '../domain/plan.ts';
import type { OwnerInTarget, PlannedOwner } from '../domain/workload.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { OwnerObject } from '../kube/owner-objects.ts';
import { portable } from '../kube/portable-object.ts';
import type { Resource } from '../kube/ports.ts';
import { hold, letGo, ownerRef, ownerSettles, readOwner, refOf } from './counted-owner.ts';
import type { OwnerFacts } from './owner-facts.ts';
import { wanted } from './owner-findings.ts';
import type { WorkloadContext } from './workload.ts';

/** What becomes of the owner in the target: the one that is there takes the pod in, or one is made that wants none yet. Pure. */
export function inTargetOf({ inTarget, namespaces }: OwnerFacts, owner: OwnerObject, spec: object): OwnerInTarget {
  const there = inTarget.owner;
  if (there) return { what: 'join', uid: there.metadata.uid ?? '', replicas: wanted(there) };
  const made = portable(owner, namespaces.target);
  const manifest = { ...made, spec: { ...made.spec, ...spec, replicas: 0 } };
  return { what: 'create', manifest: manifest as unknown as Json };
}

/** The changes to the owners of both sides, the way back included. Pure. */
export function ownerEffects(draft: PlanDraft, resource: Resource, planned: PlannedOwner): Effect[] {
  const { name, replicas, inTarget } = planned;
  const source = refOf(draft, 'source', resource, name);
  const target = refOf(draft, 'target', resource, name);
  const there = inTarget.what === 'join' ? inTarget.replicas : 0;
  const prepare = { step: 'owner', phase: 'prepare' } as const;
  const last = { step: 'finalize', phase: 'finalize', verb: 'patch', detail: 'the mark of this move goes' } as const;
  const made: Effect[] = [
    { ...prepare, verb: 'apply', object: target, detail: 'from the source’s, with no pods yet' },
    { ...prepare, verb: 'delete', object: target, detail: 'way back', undoes: true },
  ];
  return [
    { ...prepare, verb: 'patch', object: source, detail: 'marked as held by this move' },
    ...(inTarget.what === 'create' ? made : []),
    {
      step: 'switch',
      phase: 'switch',
      verb: 'patch',
      object: source,
      detail: `replicas ${replicas} -> ${replicas - 1}`,
    },
    { step: 'take-in', phase: 'switch', verb: 'patch', object: target, detail: `replicas ${there} -> ${there + 1}` },
    { ...last, object: source },
    { ...last, object: target },
    { ...prepare, verb: 'patch', object: source, detail: 'way back', undoes: true },
    { ...prepare, verb: 'patch', object: target, detail: 'way back', undoes: true },
  ];
}

/** Makes the owner in the target, or marks the one that is there, and waits until its controller has seen it. */
export async function prepareInTarget(context: WorkloadContext, resource: Resource, planned: PlannedOwner) {
  const { plan, gateway, signal } = context;
  if (planned.inTarget.what === 'create') {
    const made = planned.inTarget.manifest as unknown as KubeObject;
    const { metadata } = made;
    const labels = { ...metadata.labels, [HELD_LABEL]: plan.id };
    await gateway.apply('target', resource, { ...made, metadata: { ...metadata, labels } }, { signal });
  } else {
    const there = await readOwner(context, 'target', resource, planned.name);
    if (there) await hold(context, 'target', resource, there);
  }
  await ownerSettles(context, 'target', resource, planned.name, 'to be looked at by its controller');
}

/** Takes back `prepareInTarget`: an owner that was made goes, one that was there loses the mark. */
export async function removeMade(context: WorkloadContext, resource: Resource, planned: PlannedOwner): Promise<void> {
  const { plan, gateway, signal } = context;
  if (planned.inTarget.what === 'join') return letGo(context, 'target', resource, planned.name);
  const made = await readOwner(context, 'target', resource, planned.name);
  const uid = made?.metadata.uid;
  if (uid === undefined || made?.metadata.labels?.[HELD_LABEL] !== plan.id) return;
  await gateway.delete(ownerRef(plan, 'target', resource, planned.name), { signal, uid });
}

import type { Effect } from '../domain/effect.ts';
import { MigrateError } from '../domain/errors.ts';
import type { Json } from '../domain/json.ts';
import { HELD_LABEL } from '../domain/names.ts';
import type { PlanDraft } from '../domain/plan.ts';
import type { OwnerInTarget, PlannedOwner } from '../domain/workload.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { OwnerObject } from '../kube/owner-objects.ts';
import { differences, portable } from '../kube/portable-object.ts';
import type { Resource } from '../kube/ports.ts';
import { changed, hold, letGo, ownerRef, ownerSettles, readOwner, refOf } from './counted-owner.ts';
import type { OwnerFacts } from './owner-facts.ts';
import { comparable, nameOf, wanted } from './owner-findings.ts';
import type { WorkloadContext } from './workload.ts';

/** What becomes of the owner in the target: the one that is there takes the pod in, or one is made that wants none yet. Pure. */
export function inTargetOf({ inTarget, namespaces }: OwnerFacts, owner: OwnerObject, spec: object): OwnerInTarget {
  const there = inTarget.owner;
  const made = portable(owner, namespaces.target);
  const manifest = { ...made, spec: { ...made.spec, ...spec, replicas: 0 } };
  if (there) {
    const { uid = '' } = there.metadata;
    if (differences(comparable(owner), comparable(there)).length === 0)
      return { what: 'join', uid, replicas: wanted(there) };
    return { what: 'overwrite', uid, spec: manifest.spec as unknown as Json, before: there.spec as unknown as Json };
  }
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
    ...(inTarget.what === 'overwrite'
      ? [{ ...prepare, verb: 'patch', object: target, detail: 'the source’s spec, with no pods yet' } as const]
      : []),
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
    if (planned.inTarget.what === 'overwrite') await replaceSpec(context, resource, planned, planned.inTarget);
  }
  await ownerSettles(context, 'target', resource, planned.name, 'to be looked at by its controller');
}

/**
 * Before an owner that the move made or overwrote is taken back from a hold. Throws F344 when somebody has scaled it since:
 * its other pods would go with it.
 */
export async function expectAsMoved(context: WorkloadContext, resource: Resource, planned: PlannedOwner) {
  const there = await readOwner(context, 'target', resource, planned.name);
  if (!there || planned.inTarget.what === 'join' || wanted(there) <= 1) return;
  throw new MigrateError('F344', {
    detail: `${nameOf(there)} of ${context.plan.target.context} was scaled to ${wanted(there)} since the move, and the way back removes it`,
    remedy: 'scale it back to 1 first, or go on with what is there: finalize',
  });
}

/** Takes back `prepareInTarget`: an owner that was made goes, one that was there loses the mark. */
export async function removeMade(context: WorkloadContext, resource: Resource, planned: PlannedOwner): Promise<void> {
  const { plan, gateway, signal } = context;
  const { inTarget, name } = planned;
  if (inTarget.what === 'overwrite')
    await replaceSpec(context, resource, planned, { spec: inTarget.before, before: inTarget.spec });
  if (inTarget.what !== 'create') return letGo(context, 'target', resource, name);
  const made = await readOwner(context, 'target', resource, planned.name);
  const uid = made?.metadata.uid;
  if (uid === undefined || made?.metadata.labels?.[HELD_LABEL] !== plan.id) return;
  await gateway.delete(ownerRef(plan, 'target', resource, planned.name), { signal, uid });
}

/** From one spec to another; none that is neither, because somebody else has changed it since. Idempotent. */
async function replaceSpec(
  context: WorkloadContext,
  resource: Resource,
  { name }: PlannedOwner,
  { spec, before }: { readonly spec: Json; readonly before: Json },
): Promise<void> {
  const { plan, gateway, signal } = context;
  const there = await readOwner(context, 'target', resource, name);
  if (!there || there.metadata.labels?.[HELD_LABEL] !== plan.id) return;
  if (differences(there.spec, spec).length === 0) return;
  if (differences(there.spec, before).length > 0)
    throw changed(`${nameOf(there)} of ${plan.target.context} was changed`);
  const replace = { op: 'replace', path: '/spec', value: spec };
  await gateway.patch(ownerRef(plan, 'target', resource, name), 'json', [replace], { signal });
}

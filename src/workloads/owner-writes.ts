import type { Effect } from '../domain/effect.ts';
import type { Json } from '../domain/json.ts';
import { COUNTED_LABEL, HELD_LABEL } from '../domain/names.ts';
import type { Plan } from '../domain/plan.ts';
import type { Side } from '../domain/refs.ts';
import type { PlannedOwner } from '../domain/workload.ts';
import type { Write } from '../domain/write.ts';
import type { KubeObject } from '../kube/objects.ts';

/**
 * What handing over a place will write to the owners of both sides, as far as it is known before the move: which numbers
 * a StatefulSet keeps is read when its turn comes. Pure.
 */
export function ownerWrites(plan: Plan): Write[] {
  const { workload } = plan;
  if (workload.kind !== 'deployment' && workload.kind !== 'stateful-set') return [];
  const held = { [HELD_LABEL]: plan.id };
  const writes = [
    ...write(plan, workload, { side: 'source', step: 'owner', verb: 'patch' }, { metadata: { labels: held } }),
    ...madeInTarget(plan, workload),
  ];
  if (workload.kind !== 'deployment') return writes;
  const labels = { ...held, [COUNTED_LABEL]: plan.id };
  const fewer = { metadata: { labels }, spec: { replicas: Math.max(0, workload.replicas - 1) } };
  return [...writes, ...write(plan, workload, { side: 'source', step: 'switch', verb: 'patch' }, fewer)];
}

function madeInTarget(plan: Plan, owner: PlannedOwner): Write[] {
  if (owner.inTarget.what !== 'create') return [];
  const made = owner.inTarget.manifest as unknown as KubeObject;
  const labels = { ...made.metadata.labels, [HELD_LABEL]: plan.id };
  const body = { ...made, metadata: { ...made.metadata, labels } };
  return write(plan, owner, { side: 'target', step: 'owner', verb: 'apply' }, body as unknown as Json);
}

interface Which {
  readonly side: Side;
  readonly step: string;
  readonly verb: Effect['verb'];
}

/** None where the plan declares no such effect. */
function write(plan: Plan, { name }: PlannedOwner, { side, step, verb }: Which, body: Json): Write[] {
  const effect = plan.effects.find(
    (each) =>
      !each.undoes &&
      each.step === step &&
      each.verb === verb &&
      each.object.side === side &&
      each.object.name === name &&
      each.object.apiVersion === 'apps/v1',
  );
  return effect ? [{ effect, form: verb === 'apply' ? 'object' : 'merge', body }] : [];
}

import type { Effect } from '../domain/effect.ts';
import type { Json } from '../domain/json.ts';
import type { Plan } from '../domain/plan.ts';
import { SIDES } from '../domain/refs.ts';
import { type FieldChange, fieldChanges, type Write, written } from '../domain/write.ts';
import { helperPod, helperPolicy, systemNamespace } from '../engines/helper/helper-pod.ts';
import { pullPod, pullPodRef } from '../engines/kubelet/pull-pod.ts';
import type { KubeObject, Pod } from '../kube/objects.ts';
import type { Resource } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { routeWrites } from '../routes/route-writes.ts';
import { copyWrites } from '../workloads/copies.ts';
import { ownerWrites } from '../workloads/owner-writes.ts';
import { withCommandLines } from '../workloads/placeholder-pod.ts';
import { rehearsalPod } from '../workloads/rehearsal-pod.ts';
import type { Reading } from '../workloads/workload.ts';

/** An object that is there already and that a plan changes. */
export interface ObjectChange {
  readonly effect: Effect;
  readonly fields: readonly FieldChange[];
}

/**
 * The writes of a plan whose content is known before the move: what the steps will send, but for versions that make a
 * write conditional. Read-only. The
 * others depend on what the move finds.
 */
export async function plannedWrites(readers: Reading): Promise<Write[]> {
  const { plan } = readers;
  const read = await Promise.all([copyWrites(readers), ownerWrites(readers), routeWrites(readers)]);
  return [...plan.effects.flatMap((effect) => fixedWrite(plan, effect)), ...read.flat()];
}

function fixedWrite(plan: Plan, effect: Effect): Write[] {
  const { verb, object, undoes } = effect;
  const whole = (body: unknown): Write[] => [{ effect, form: 'object', body: body as Json }];
  if (verb !== 'create' || undoes) return [];
  if (object.kind === 'Namespace' && object.name === plan.helper.namespace) return whole(systemNamespace(object.name));
  if (object.kind === 'NetworkPolicy') return whole(helperPolicy(plan.helper.namespace));
  if (object.kind !== 'Pod') return [];
  const helper = SIDES.filter((side) => side === object.side)
    .map((side) => helperPod(plan, side))
    .find(({ metadata }) => metadata.name === object.name && metadata.namespace === object.namespace);
  if (helper) return whole(helper);
  const puller = pullPodRef(plan);
  if (object.name === puller.name && object.namespace === puller.namespace) {
    return whole(
      pullPod(
        plan,
        plan.source.containers.map(({ image }) => image),
      ),
    );
  }
  const { rehearsal, target } = plan;
  // A pod that takes the source pod's name cannot be asked about as long as that is there; the one of its rehearsal can.
  const name = rehearsal?.pod ?? target.pod;
  if (object.side !== 'target' || object.name !== name || object.namespace !== target.namespace) return [];
  // The probe completes the command line where the spec names none; admission sees no difference.
  const pod = withCommandLines(plan.manifest as unknown as Pod, {});
  return whole(rehearsal ? rehearsalPod(pod, rehearsal.pod) : pod);
}

/** Field by field what the plan changes of objects that are there, as far as it is known before the move. Read-only. */
export async function plannedChanges(readers: Reading, writes: readonly Write[]): Promise<ObjectChange[]> {
  const known = writes.filter(({ effect, body, standIn }) => effect.verb !== 'create' && body && !standIn);
  const changes = await Promise.all(
    known.map(async (write): Promise<ObjectChange[]> => {
      const { effect, name } = write;
      const object = { ...effect.object, ...(name !== undefined && { name }) };
      const found = await readers[object.side].get<KubeObject>(resourceOf(effect), object.name, {
        ...(object.namespace !== undefined && { namespace: object.namespace }),
        signal: readers.signal,
      });
      if (!found) return [];
      const before = found as unknown as Json;
      const fields = fieldChanges(before, written(before, write));
      return [{ effect: { ...effect, object }, fields: object.kind === 'Secret' ? fields.map(hidden) : fields }];
    }),
  );
  return changes.flat().filter(({ fields }) => fields.length > 0);
}

/** That a value of a Secret changes may be told; what it is may not. */
function hidden({ field, before, after }: FieldChange): FieldChange {
  const told = (value: Json | undefined, what: string) => (value === undefined ? undefined : what);
  const isValue = /^(data|stringData)(\.|$)/.test(field);
  return isValue
    ? { field, before: told(before, '(not shown)'), after: told(after, '(another)') }
    : { field, before, after };
}

/** How the object of an effect is reached. Throws for a kind that this program does not know: a defect. */
export function resourceOf({ object }: Effect): Resource {
  const found = Object.values(RESOURCES).find(
    ({ kind, apiVersion }) => kind === object.kind && apiVersion === object.apiVersion,
  );
  if (!found) throw new Error(`unknown kind ${object.apiVersion} ${object.kind}`);
  return found;
}

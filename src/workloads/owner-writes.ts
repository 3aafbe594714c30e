import type { Effect } from '../domain/effect.ts';
import type { Json } from '../domain/json.ts';
import { COUNTED_LABEL, HELD_LABEL } from '../domain/names.ts';
import type { Plan } from '../domain/plan.ts';
import type { Side } from '../domain/refs.ts';
import type { PlannedDeployment, PlannedOrdinal, PlannedReplica, PlannedStatefulSet } from '../domain/workload.ts';
import { type Write, writeOf } from '../domain/write.ts';
import type { KubeObject, Pod } from '../kube/objects.ts';
import type { OwnerObject, PodTemplate } from '../kube/owner-objects.ts';
import type { Resource } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { readOwner, refOf } from './counted-owner.ts';
import { COST_ANNOTATION, FIRST_TO_GO } from './deletion-cost.ts';
import { closed, currentReplicaSet } from './deployment-gate.ts';
import { including, inSpec, rangeOf, without } from './ordinal-range.ts';
import { wanted } from './owner-findings.ts';
import { asJson, placeholderTemplate } from './placeholder-template.ts';
import type { Reading } from './workload.ts';

type Counted = PlannedDeployment | PlannedStatefulSet;
type Fields = { readonly [field: string]: Json };

/**
 * What handing over a place will write to the pod and to the owners of both sides, as far as it can be said before the
 * move. Objects that the move makes first are left out. Read-only.
 */
export async function ownerWrites(reading: Reading): Promise<Write[]> {
  const { plan } = reading;
  const { workload } = plan;
  switch (workload.kind) {
    case 'bare-pod':
      return pick(lostLabels(plan, (plan.manifest as unknown as Pod).metadata.labels));
    case 'bare-name': {
      const object = refOf(plan, 'target', RESOURCES.pod, plan.target.pod);
      const obstacle = 'needs the name of the source pod, which is there until the commit';
      return pick(writeOf(plan, { verb: 'create', object, step: 'place' }, { obstacle }));
    }
    case 'deployment':
      return pick(...(await ofDeployment(reading, workload)));
    case 'stateful-set':
      return pick(...(await ofStatefulSet(reading, workload)));
    case 'replica':
      return pick(...ofReplica(plan, workload));
    case 'ordinal':
      return pick(...ofOrdinal(plan, workload));
  }
}

async function ofDeployment(reading: Reading, planned: PlannedDeployment) {
  const { plan } = reading;
  const there = await inTarget(reading, RESOURCES.deployment, planned);
  const gate = async (side: Side, step: string): Promise<Write | undefined> => {
    const owner = side === 'source' ? await readOwner(reading, side, RESOURCES.deployment, planned.name) : there;
    const replicaSet = owner && (await currentReplicaSet(reading, side, owner));
    const place = { side, step, resource: RESOURCES.replicaSet, name: `${planned.name}-*` };
    return replicaSet && patch(plan, place, { spec: { template: closed(replicaSet) } }, replicaSet.metadata.name);
  };
  return [
    patch(plan, { side: 'source', step: 'owner', resource: RESOURCES.pod, name: plan.source.pod }, firstToGo()),
    ...both(plan, RESOURCES.deployment, planned, there),
    counted(plan, 'source', RESOURCES.deployment, planned, { replicas: Math.max(0, planned.replicas - 1) }),
    there && counted(plan, 'target', RESOURCES.deployment, planned, { replicas: wanted(there) + 1 }),
    plan.request.hold === undefined ? undefined : await gate('source', 'switch'),
    planned.inTarget.what === 'join' ? await gate('target', 'take-in') : undefined,
    lostLabels(plan, planned.labels),
  ];
}

async function ofStatefulSet(reading: Reading, planned: PlannedStatefulSet) {
  const { plan } = reading;
  const here = await readOwner(reading, 'source', RESOURCES.statefulSet, planned.name);
  const there = await inTarget(reading, RESOURCES.statefulSet, planned);
  const { ordinal } = planned;
  const count = (side: Side, range: ReturnType<typeof rangeOf>) =>
    counted(plan, side, RESOURCES.statefulSet, planned, inSpec(range));
  return [
    ...both(plan, RESOURCES.statefulSet, planned, there),
    here && count('source', without(rangeOf(here), ordinal)),
    there && count('target', including(rangeOf(there), ordinal)),
    lostLabels(plan, planned.labels),
  ];
}

function ofReplica(plan: Plan, { owner }: PlannedReplica) {
  const resource = owner.kind === 'Deployment' ? RESOURCES.deployment : RESOURCES.replicaSet;
  return [
    marked(plan, 'source', resource, owner.name),
    unmarked(plan, 'source', resource, owner.name),
    patch(plan, { side: 'source', step: 'owner', resource: RESOURCES.pod, name: plan.source.pod }, firstToGo()),
  ];
}

function ofOrdinal(plan: Plan, { name, template, strategy }: PlannedOrdinal) {
  const renewal = { node: plan.target.node, commandLines: {} };
  const made = asJson(placeholderTemplate(plan, template as unknown as PodTemplate, renewal));
  const object = refOf(plan, 'source', RESOURCES.statefulSet, name);
  const replace = (step: string, to: Fields) => {
    const body = Object.entries(to).map(([field, value]) => ({ op: 'replace', path: `/spec/${field}`, value }));
    return writeOf(plan, { verb: 'patch', object, step }, { form: 'json', body });
  };
  const pod = refOf(plan, 'target', RESOURCES.pod, plan.target.pod);
  const obstacle = 'its owner makes it anew after the commit';
  return [
    marked(plan, 'source', RESOURCES.statefulSet, name),
    replace('way', { template: made, updateStrategy: { type: 'OnDelete' } }),
    writeOf(plan, { verb: 'delete', object: pod, step: 'place' }, { obstacle }),
    writeOf(plan, { verb: 'patch', object: pod, step: 'take-in' }, { obstacle }),
    replace('take-in', { template, updateStrategy: strategy }),
    unmarked(plan, 'source', RESOURCES.statefulSet, name),
  ];
}

/** The owner in the target that is there already; undefined for one that the move makes. */
async function inTarget(reading: Reading, resource: Resource, planned: Counted): Promise<OwnerObject | undefined> {
  return planned.inTarget.what === 'create' ? undefined : readOwner(reading, 'target', resource, planned.name);
}

/** The mark of this migration on the owners of both sides, and the owner that is made or overwritten. */
function both(plan: Plan, resource: Resource, { name, inTarget }: Counted, there: OwnerObject | undefined) {
  const object = refOf(plan, 'target', resource, name);
  const replace = (spec: Json) => ({ form: 'json', body: [{ op: 'replace', path: '/spec', value: spec }] }) as const;
  return [
    marked(plan, 'source', resource, name),
    inTarget.what === 'create' ? made(plan, object, inTarget.manifest) : undefined,
    inTarget.what === 'overwrite'
      ? writeOf(plan, { verb: 'patch', object, step: 'owner' }, replace(inTarget.spec))
      : undefined,
    unmarked(plan, 'source', resource, name),
    there && unmarked(plan, 'target', resource, name),
  ];
}

function made(plan: Plan, object: Effect['object'], manifest: Json): Write | undefined {
  const owner = manifest as unknown as KubeObject;
  const labels = { ...owner.metadata.labels, [HELD_LABEL]: plan.id };
  const body = { ...owner, metadata: { ...owner.metadata, labels } } as unknown as Json;
  return writeOf(plan, { verb: 'apply', object, step: 'owner' }, { form: 'object', body });
}

function marked(plan: Plan, side: Side, resource: Resource, name: string): Write | undefined {
  return patch(plan, { side, step: 'owner', resource, name }, { metadata: { labels: { [HELD_LABEL]: plan.id } } });
}

function unmarked(plan: Plan, side: Side, resource: Resource, name: string): Write | undefined {
  const labels = { [HELD_LABEL]: null, [COUNTED_LABEL]: null };
  return patch(plan, { side, step: 'finalize', resource, name }, { metadata: { labels } });
}

function counted(plan: Plan, side: Side, resource: Resource, { name }: Counted, spec: Fields): Write | undefined {
  const labels = { [HELD_LABEL]: plan.id, [COUNTED_LABEL]: plan.id };
  const step = side === 'source' ? 'switch' : 'take-in';
  return patch(plan, { side, step, resource, name }, { metadata: { labels }, spec });
}

function firstToGo(): Json {
  return { metadata: { annotations: { [COST_ANNOTATION]: FIRST_TO_GO } } };
}

/** A held source pod goes without its labels. */
function lostLabels(plan: Plan, labels: Readonly<Record<string, string>> = {}): Write | undefined {
  const none = Object.fromEntries(Object.keys(labels).map((key) => [key, null]));
  const place = { side: 'source', step: 'switch', resource: RESOURCES.pod, name: plan.source.pod } as const;
  return patch(plan, place, { metadata: { labels: none } });
}

interface Place {
  readonly side: Side;
  readonly step: string;
  readonly resource: Resource;
  /** As the effect has it. */
  readonly name: string;
}

function patch(plan: Plan, { side, step, resource, name }: Place, body: Json, actual?: string): Write | undefined {
  const object = refOf(plan, side, resource, name);
  return writeOf(plan, { verb: 'patch', object, step }, { form: 'merge', body, ...(actual && { name: actual }) });
}

/** Those that the plan declares. */
function pick(...writes: readonly (Write | undefined)[]): Write[] {
  return writes.filter((write) => write !== undefined);
}

import { z } from 'zod';
import type { Effect } from '../domain/effect.ts';
import { MigrateError } from '../domain/errors.ts';
import { blocking, type Finding } from '../domain/finding.ts';
import type { Json } from '../domain/json.ts';
import type { PlanDraft } from '../domain/plan.ts';
import type { PlannedOrdinal } from '../domain/workload.ts';
import type { Pod } from '../kube/objects.ts';
import { controllerOf, type OwnerObject, type PodTemplate } from '../kube/owner-objects.ts';
import type { Verdict } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { isSidecar } from './containers.ts';
import {
  checkAsPlanned,
  checkSiblings,
  hold,
  letGo,
  ownerRef,
  ownerSettles,
  readOwner,
  refOf,
} from './counted-owner.ts';
import { isOnePlace, type OwnerFacts } from './owner-facts.ts';
import { nameOf, renewingFindings, wanted } from './owner-findings.ts';
import { asJson, placeholderNode, placeholderTemplate } from './placeholder-template.ts';
import { freeName } from './renewed-pod.ts';
import { REVISION_LABEL, revisionFindings } from './revision.ts';
import { targetPod } from './source-pod.ts';
import type { Detection, Renewal, Workload, WorkloadContext } from './workload.ts';

const RESOURCE = RESOURCES.statefulSet;
const REVISION = RESOURCES.controllerRevision;

/** The set's generation once the placeholder was in its template: a higher one is somebody else's change. */
const madeSchema = z.strictObject({ generation: z.number() });

/**
 * One ordinal of a StatefulSet within its namespace. Its controller makes the pod of a freed name anew, from a template
 * with the placeholder in it. `OnDelete` keeps it from replacing the other pods by that. Afterwards the pod belongs to
 * the old revision before the set goes back to its own strategy, or it would be the first to be replaced.
 */
export const ordinal: Workload<PlannedOrdinal> = {
  kind: 'ordinal',
  owns: (facts) => isOnePlace(facts) && facts.owners[0]?.kind === 'StatefulSet',
  detect,
  effects,
  moments: {
    async capture(context, planned) {
      checkAsPlanned(context.plan, planned, await readOwner(context, 'source', RESOURCE, planned.name));
      return null;
    },
    async prepare(context, planned) {
      const owner = await readOwner(context, 'source', RESOURCE, planned.name);
      await hold(context, 'source', RESOURCE, checkAsPlanned(context.plan, planned, owner));
    },
    async makeWay(context, planned, renewal) {
      const owner = await readOwner(context, 'source', RESOURCE, planned.name);
      if (!owner || placeholderNode(context.plan, owner.spec.template) === undefined)
        checkAsPlanned(context.plan, planned, owner);
      const generation = await putPlaceholder(context, planned, renewal);
      return { generation };
    },
    async giveBack(context, planned, made) {
      const owner = await readOwner(context, 'source', RESOURCE, planned.name);
      if (!owner || placeholderNode(context.plan, owner.spec.template) === undefined) return;
      if (made !== null) checkUnchanged(context, planned, owner, made);
      await write(context, planned, [
        replaced('template', planned.template),
        replaced('updateStrategy', planned.strategy),
      ]);
      await removeRevision(context, planned);
    },
    async check(context, planned, made) {
      const owner = await readOwner(context, 'source', RESOURCE, planned.name);
      checkAsPlanned(context.plan, { ...planned, ...madeSchema.parse(made) }, owner);
      await checkSiblings(context);
    },
    async renew(context, planned, renewal) {
      const owner = await readOwner(context, 'source', RESOURCE, planned.name);
      if (owner && placeholderNode(context.plan, owner.spec.template) !== renewal.node)
        await putPlaceholder(context, planned, renewal);
      await freeName(context, renewal.node);
    },
    async takeIn(context, planned) {
      const { gateway, plan, signal } = context;
      const { annotations = {} } = (plan.manifest as unknown as Pod).metadata;
      await gateway.patch(targetPod(plan), 'merge', { metadata: { labels: planned.labels, annotations } }, { signal });
      const owner = await readOwner(context, 'source', RESOURCE, planned.name);
      if (owner && placeholderNode(plan, owner.spec.template) !== undefined)
        await write(context, planned, [replaced('template', planned.template)]);
      await revisionSeen(context, planned);
      await write(context, planned, [replaced('updateStrategy', planned.strategy)]);
    },
    async finalize(context, planned) {
      await removeRevision(context, planned);
      await letGo(context, 'source', RESOURCE, planned.name);
    },
    async back(context, planned) {
      await letGo(context, 'source', RESOURCE, planned.name);
    },
  },
};

/** Yields the set's generation by then. Its controller has seen it when this returns. */
async function putPlaceholder(context: WorkloadContext, planned: PlannedOrdinal, renewal: Renewal): Promise<number> {
  const template = planned.template as unknown as PodTemplate;
  const made = placeholderTemplate(context.plan, template, renewal);
  await write(context, planned, [replaced('template', asJson(made)), replaced('updateStrategy', { type: 'OnDelete' })]);
  const owner = await ownerSettles(
    context,
    'source',
    RESOURCE,
    planned.name,
    'to have the placeholder in its template',
  );
  return owner?.metadata.generation ?? 0;
}

function replaced(field: string, value: Json): Json {
  return { op: 'replace', path: `/spec/${field}`, value };
}

/** Somebody has deleted it: there is nothing to give back. */
async function write(context: WorkloadContext, { name }: PlannedOrdinal, changes: Json[]): Promise<void> {
  const { plan, gateway, signal } = context;
  if (!(await readOwner(context, 'source', RESOURCE, name))) return;
  await gateway.patch(ownerRef(plan, 'source', RESOURCE, name), 'json', changes, { signal });
}

function checkUnchanged(
  { plan }: WorkloadContext,
  planned: PlannedOrdinal,
  { metadata }: OwnerObject,
  made: Json,
): void {
  const { generation } = madeSchema.parse(made);
  if (metadata.generation === generation) return;
  const kubectl = `kubectl --context ${plan.source.context} -n ${plan.source.namespace}`;
  throw new MigrateError('F315', {
    detail: `statefulset ${planned.name} was changed while this migration had the placeholder in its template`,
    remedy: `look at its template, apply your own again, and: ${kubectl} patch statefulset ${planned.name} --type json -p '${JSON.stringify([replaced('updateStrategy', planned.strategy)])}'`,
  });
}

/** Waits until the controller has seen which revision the pod is of: only then may it replace pods of others again. */
async function revisionSeen(context: WorkloadContext, planned: PlannedOrdinal): Promise<void> {
  const { plan, source, signal } = context;
  const pods = await source.list<Pod>(RESOURCES.pod, { namespace: plan.source.namespace, signal });
  const current = pods.filter(
    (pod) => controllerOf(pod)?.uid === planned.uid && pod.metadata.labels?.[REVISION_LABEL] === planned.revision,
  ).length;
  const counted = ({ status = {} }: OwnerObject): Verdict => {
    const updated = status.updatedReplicas ?? 0;
    // Somebody has given the set another template in this minute: it replaces the pod, as every other.
    return status.updateRevision !== planned.revision || updated >= current
      ? { done: true }
      : { done: false, why: `its controller counts ${updated} of ${current} pods of revision ${planned.revision}` };
  };
  await ownerSettles(context, 'source', RESOURCE, planned.name, 'to count the pod as one of its revision', counted);
}

/** The revision that the placeholder was in: no pod is of it any more. */
async function removeRevision(context: WorkloadContext, planned: PlannedOrdinal): Promise<void> {
  const { plan, gateway, source, signal } = context;
  const { namespace } = plan.source;
  for (const revision of await source.list(REVISION, { namespace, signal })) {
    const data = revision['data'] as { spec?: { template?: PodTemplate } } | undefined;
    const template = data?.spec?.template;
    const own =
      controllerOf(revision)?.uid === planned.uid && template && placeholderNode(plan, template) !== undefined;
    const { name, uid } = revision.metadata;
    if (own && uid !== undefined) await gateway.delete(ownerRef(plan, 'source', REVISION, name), { signal, uid });
  }
}

function detect(facts: OwnerFacts): Detection<PlannedOrdinal> {
  const [owner] = facts.owners;
  if (!owner) throw new Error('a pod of a StatefulSet has one');
  const findings = [
    ...renewingFindings(facts, owner),
    ...revisionFindings(facts, owner),
    ...startsUninitialized(owner),
  ];
  if (blocking(findings).length > 0) return { declined: findings };
  const { name, uid = '', generation = 0 } = owner.metadata;
  const { labels = {} } = facts.pod.metadata;
  const planned: PlannedOrdinal = {
    kind: 'ordinal',
    name,
    uid,
    generation,
    labels,
    revision: labels[REVISION_LABEL] ?? '',
    template: asJson(owner.spec.template),
    strategy: (owner.spec['updateStrategy'] ?? { type: 'RollingUpdate' }) as Json,
  };
  return { usable: planned, findings };
}

/** The placeholder's template leaves init containers out, which have run for the pod that moves, and for no other. */
function startsUninitialized(owner: OwnerObject): Finding[] {
  const ended = (owner.spec.template.spec.initContainers ?? []).filter((container) => !isSidecar(container));
  if (ended.length === 0 || wanted(owner) <= 1) return [];
  return [
    {
      code: 'E121',
      severity: 'error',
      what: `${nameOf(owner)} has init containers (${ended.map(({ name }) => name).join(', ')}) and other pods`,
      why: 'another pod of the set that dies in the second in which this one is made anew would start without them',
      remedy: 'scale the set to one pod for the move, or move the pod to another cluster',
      field: 'spec.template.spec.initContainers',
    },
  ];
}

function effects(draft: PlanDraft, planned: PlannedOrdinal): Effect[] {
  const owner = refOf(draft, 'source', RESOURCE, planned.name);
  const pod = refOf(draft, 'target', RESOURCES.pod, draft.target.pod);
  const prepare = { phase: 'prepare', verb: 'patch', object: owner } as const;
  const takeIn = { step: 'take-in', phase: 'switch', verb: 'patch' } as const;
  const last = { step: 'finalize', phase: 'finalize' } as const;
  return [
    { ...prepare, step: 'owner', detail: 'marked as held by this move' },
    {
      ...prepare,
      step: 'way',
      detail: `template: a placeholder on node ${draft.target.node}; updateStrategy: OnDelete`,
    },
    {
      step: 'place',
      phase: 'switch',
      verb: 'delete',
      object: pod,
      detail: `where it cannot be restored, to be made on node ${draft.source.node}`,
    },
    { ...takeIn, object: pod, detail: `labels as before, ${REVISION_LABEL}: ${planned.revision}` },
    { ...takeIn, object: owner, detail: 'template and updateStrategy as before' },
    {
      ...last,
      verb: 'delete',
      object: refOf(draft, 'source', REVISION, `${planned.name}-*`),
      detail: 'the revision with the placeholder',
    },
    { ...last, verb: 'patch', object: owner, detail: 'the mark of this move goes' },
    { ...prepare, step: 'way', detail: 'way back', undoes: true },
  ];
}

import type { Effect } from '../domain/effect.ts';
import { blocking, type Finding } from '../domain/finding.ts';
import type { PlanDraft } from '../domain/plan.ts';
import type { Side } from '../domain/refs.ts';
import type { PlannedStatefulSet } from '../domain/workload.ts';
import type { OwnerObject } from '../kube/owner-objects.ts';
import { RESOURCES } from '../kube/resources.ts';
import { giveLabels, takeLabels } from './aside.ts';
import {
  adopt,
  backMark,
  checkAsPlanned,
  checkSiblings,
  hold,
  letGo,
  ownerSettles,
  readOwner,
  recount,
} from './counted-owner.ts';
import { including, inSpec, isAtEnd, isNextTo, rangeOf, without } from './ordinal-range.ts';
import type { OwnerFacts } from './owner-facts.ts';
import { countingFindings, nameOf, wanted } from './owner-findings.ts';
import { expectAsMoved, inTargetOf, ownerEffects, prepareInTarget, removeMade } from './owner-in-target.ts';
import { REVISION_LABEL, revisionFindings } from './revision.ts';
import { removeSourcePod } from './source-pod.ts';
import type { Detection, Workload, WorkloadContext } from './workload.ts';

const RESOURCE = RESOURCES.statefulSet;

/**
 * One ordinal of a StatefulSet. The set of the target, made with no pods where there is none, is told to want the ordinal
 * while a pod of that name is there that it does not count yet: it cannot make another of that name, and adopts this one
 * when it gets its labels, with the revision of the set there. The source's set gives up its lowest or highest ordinal.
 */
export const statefulSet: Workload<PlannedStatefulSet> = {
  kind: 'stateful-set',
  owns: ({ owners }) => owners[0]?.kind === 'StatefulSet',
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
      await prepareInTarget(context, RESOURCE, planned);
    },
    async check(context, planned) {
      checkAsPlanned(context.plan, planned, await readOwner(context, 'source', RESOURCE, planned.name));
      await checkSiblings(context);
    },
    async giveUp(context, planned) {
      await wantOneLess(context, 'source', planned);
      await removeSourcePod(context);
    },
    async standAside(context, planned) {
      // Its name is taken as long as the pod is there: the set, which lets it go, can make no other.
      await takeLabels(context, planned.labels);
      await wantOneLess(context, 'source', planned);
    },
    async giveBackTarget(context, planned) {
      await expectAsMoved(context, RESOURCE, planned);
      await wantOneLess(context, 'target', planned, backMark(context.plan));
    },
    async comeBack(context, planned) {
      await recount(context, 'source', RESOURCE, planned.name, withOrdinal(planned), backMark(context.plan));
      await giveLabels(context, planned.labels, planned.uid);
    },
    async takeIn(context, planned) {
      await recount(context, 'target', RESOURCE, planned.name, withOrdinal(planned));
      const owner = await ownerSettles(context, 'target', RESOURCE, planned.name, 'to want one pod more');
      if (!owner) return;
      const revision = owner.status?.updateRevision;
      const labels = { ...planned.labels, ...(revision !== undefined && { [REVISION_LABEL]: revision }) };
      await adopt(context, labels, { kind: 'StatefulSet', uid: owner.metadata.uid });
    },
    async finalize(context, planned) {
      await letGo(context, 'source', RESOURCE, planned.name);
      await letGo(context, 'target', RESOURCE, planned.name);
    },
    async back(context, planned) {
      await letGo(context, 'source', RESOURCE, planned.name);
      await removeMade(context, RESOURCE, planned);
    },
  },
};

/** The set's count with the pod's ordinal in it. */
function withOrdinal({ ordinal }: PlannedStatefulSet) {
  return (owner: OwnerObject) => ({ spec: inSpec(including(rangeOf(owner), ordinal)) });
}

/** Takes the pod's ordinal out of the set's count and waits until its controller has seen that. Idempotent. */
async function wantOneLess(
  context: WorkloadContext,
  side: Side,
  { name, ordinal }: PlannedStatefulSet,
  mark?: Parameters<typeof recount>[5],
): Promise<void> {
  const fewer = (owner: OwnerObject) => ({ spec: inSpec(without(rangeOf(owner), ordinal)) });
  await recount(context, side, RESOURCE, name, fewer, mark);
  await ownerSettles(context, side, RESOURCE, name, 'to want one pod less');
}

function detect(facts: OwnerFacts): Detection<PlannedStatefulSet> {
  const [owner] = facts.owners;
  if (!owner) throw new Error('a pod of a StatefulSet has one');
  const ordinal = Number(/-(\d+)$/.exec(facts.pod.metadata.name)?.[1]);
  const there = facts.inTarget.owner;
  const findings = [
    ...countingFindings(facts, owner),
    ...(isAtEnd(rangeOf(owner), ordinal) ? [] : [inTheMiddle(facts, owner, ordinal)]),
    ...(there && !isNextTo(rangeOf(there), ordinal) ? [notNextTo(facts, there, ordinal)] : []),
    ...revisionFindings(facts, owner),
  ];
  if (blocking(findings).length > 0) return { declined: findings };
  const { matchLabels = {}, matchExpressions = [] } = owner.spec.selector;
  const planned: PlannedStatefulSet = {
    kind: 'stateful-set',
    name: owner.metadata.name,
    uid: owner.metadata.uid ?? '',
    generation: owner.metadata.generation ?? 0,
    replicas: wanted(owner),
    ordinal,
    inTarget: inTargetOf(facts, owner, { ordinals: ordinal === 0 ? undefined : { start: ordinal } }),
    labels: facts.pod.metadata.labels ?? {},
    withheld: [...Object.keys(matchLabels), ...matchExpressions.map(({ key }) => key)],
  };
  return { usable: planned, findings };
}

function inTheMiddle({ contexts }: OwnerFacts, owner: OwnerObject, ordinal: number): Finding {
  const { start: first, replicas } = rangeOf(owner);
  const last = first + replicas - 1;
  const { name } = owner.metadata;
  return {
    code: 'E126',
    severity: 'error',
    what: `${name}-${ordinal} lies between ${name}-${first} and ${name}-${last}, which stay in ${contexts.source}`,
    why: 'a StatefulSet’s ordinals have no gaps: its controller would make this one again',
    remedy: `move ${name}-${last} or ${name}-${first}, or the whole set, one after the other: --all-replicas`,
    field: 'spec.ordinals',
  };
}

function notNextTo({ contexts }: OwnerFacts, there: OwnerObject, ordinal: number): Finding {
  const { start: first, replicas } = rangeOf(there);
  const last = first + replicas - 1;
  const { name } = there.metadata;
  return {
    code: 'E126',
    severity: 'error',
    what: `${nameOf(there)} of ${contexts.target} has the ordinals ${first} to ${last}, and ${ordinal} is not next to them`,
    why: 'a StatefulSet’s ordinals have no gaps: its controller would make what is missing in between',
    remedy: `move ${name}-${last + 1}${first > 0 ? ` or ${name}-${first - 1}` : ''} first`,
    field: 'spec.ordinals',
  };
}

function effects(draft: PlanDraft, planned: PlannedStatefulSet): Effect[] {
  const { namespace, pod: name } = draft.target;
  const object = { side: 'target', apiVersion: 'v1', kind: 'Pod', namespace, name } as const;
  return [
    ...ownerEffects(draft, RESOURCE, planned),
    { step: 'take-in', phase: 'switch', verb: 'patch', object, detail: 'its labels, so that the set adopts it' },
  ];
}

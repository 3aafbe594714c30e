import { z } from 'zod';
import type { Effect } from '../domain/effect.ts';
import { blocking, type Finding } from '../domain/finding.ts';
import type { PlanDraft } from '../domain/plan.ts';
import type { Side } from '../domain/refs.ts';
import type { PlannedDeployment } from '../domain/workload.ts';
import { controllerOf, type OwnerObject } from '../kube/owner-objects.ts';
import { RESOURCES } from '../kube/resources.ts';
import { giveLabels, takeLabels } from './aside.ts';
import {
  adopt,
  backMark,
  checkAsPlanned,
  checkSiblings,
  hold,
  isLetGo,
  letGo,
  ownerSettles,
  readOwner,
  recount,
  refOf,
} from './counted-owner.ts';
import { COST_ANNOTATION, costOf, FIRST_TO_GO, setSourceCost } from './deletion-cost.ts';
import { closeGate, openGate } from './deployment-gate.ts';
import type { OwnerFacts } from './owner-facts.ts';
import { countingFindings, wanted } from './owner-findings.ts';
import { expectAsMoved, inTargetOf, ownerEffects, prepareInTarget, removeMade } from './owner-in-target.ts';
import { readSourcePod, removeSourcePod, targetPod } from './source-pod.ts';
import type { Detection, Workload } from './workload.ts';

/** By which a ReplicaSet tells its pods from those of another. */
const HASH_LABEL = 'pod-template-hash';
const REVISION = 'deployment.kubernetes.io/revision';

const undoSchema = z.strictObject({ cost: z.string().nullable() });
const RESOURCE = RESOURCES.deployment;

/**
 * A pod of a Deployment. The target's Deployment is made with no pods, and the pod goes without its hash label until
 * it runs; then the Deployment takes it in behind a closed gate (`deployment-gate.ts`). The source's one is scaled down
 * by one with this pod as the first to go.
 */
export const deployment: Workload<PlannedDeployment> = {
  kind: 'deployment',
  owns: ({ owners }) => owners[0]?.kind === 'ReplicaSet' && owners[1]?.kind === 'Deployment',
  detect,
  effects,
  moments: {
    async capture(context, planned) {
      checkAsPlanned(context.plan, planned, await readOwner(context, 'source', RESOURCE, planned.name));
      return { cost: costOf(await readSourcePod(context)) ?? null };
    },
    async prepare(context, planned) {
      const owner = await readOwner(context, 'source', RESOURCE, planned.name);
      await hold(context, 'source', RESOURCE, checkAsPlanned(context.plan, planned, owner));
      await setSourceCost(context, FIRST_TO_GO);
      await prepareInTarget(context, RESOURCE, planned);
    },
    async check(context, planned) {
      checkAsPlanned(context.plan, planned, await readOwner(context, 'source', RESOURCE, planned.name));
      await checkSiblings(context);
    },
    async giveUp(context, planned) {
      const fewer = (owner: OwnerObject) => ({ spec: { replicas: Math.max(0, wanted(owner) - 1) } });
      await recount(context, 'source', RESOURCE, planned.name, fewer);
      const done = await ownerSettles(context, 'source', RESOURCE, planned.name, 'to want one pod less');
      if (done) await ownerSettles(context, 'source', RESOURCES.replicaSet, planned.replicaSet, 'to want one pod less');
      await removeSourcePod(context);
    },
    async standAside(context, planned) {
      const letGoOfPod = () => takeLabels(context, planned.labels);
      const how = { side: 'source', by: -1, mark: context.plan.id, meanwhile: letGoOfPod } as const;
      const replicaSet = await closeGate(context, planned, how);
      if (replicaSet) await openGate(context, planned, replicaSet, 'source');
    },
    async giveBackTarget(context, planned) {
      const { gateway, plan, target, signal } = context;
      await expectAsMoved(context, RESOURCE, planned);
      const { namespace, pod } = plan.target;
      if (await target.get(RESOURCES.pod, pod, { namespace, signal })) {
        const annotations = { [COST_ANNOTATION]: FIRST_TO_GO };
        await gateway.patch(targetPod(plan), 'merge', { metadata: { annotations } }, { signal });
      } else if (await isLetGo(context, 'target', RESOURCE, planned.name)) return;
      const fewer = (owner: OwnerObject) => ({ spec: { replicas: Math.max(0, wanted(owner) - 1) } });
      await recount(context, 'target', RESOURCE, planned.name, fewer, backMark(plan));
      await ownerSettles(context, 'target', RESOURCE, planned.name, 'to want one pod less');
    },
    async comeBack(context, planned) {
      const pod = await readSourcePod(context);
      if (pod && controllerOf(pod) && (await isLetGo(context, 'source', RESOURCE, planned.name))) return;
      const how = { side: 'source', by: 1, mark: backMark(context.plan) } as const;
      const replicaSet = await closeGate(context, planned, how);
      await giveLabels(context, planned.labels, replicaSet?.metadata.uid);
      if (replicaSet) await openGate(context, planned, replicaSet, 'source');
    },
    async takeIn(context, planned) {
      const replicaSet = await closeGate(context, planned, { side: 'target', by: 1, mark: context.plan.id });
      if (!replicaSet) return;
      const { uid, labels } = replicaSet.metadata;
      const hash = labels?.[HASH_LABEL];
      await adopt(
        context,
        { ...planned.labels, ...(hash !== undefined && { [HASH_LABEL]: hash }) },
        { kind: 'ReplicaSet', uid },
      );
      await openGate(context, planned, replicaSet, 'target');
    },
    async finalize(context, planned) {
      await letGo(context, 'source', RESOURCE, planned.name);
      await letGo(context, 'target', RESOURCE, planned.name);
    },
    async back(context, planned, undo) {
      const { cost } = undoSchema.parse(undo);
      await setSourceCost(context, cost);
      await letGo(context, 'source', RESOURCE, planned.name);
      await removeMade(context, RESOURCE, planned);
    },
  },
};

function detect(facts: OwnerFacts): Detection<PlannedDeployment> {
  const [replicaSet, owner] = facts.owners;
  if (!replicaSet || !owner) throw new Error('a pod of a Deployment has a ReplicaSet between them');
  const findings = [...countingFindings(facts, owner), ...staleReplicaSet(replicaSet, owner)];
  if (blocking(findings).length > 0) return { declined: findings };
  const { serviceAccountName } = owner.spec.template.spec;
  const planned: PlannedDeployment = {
    kind: 'deployment',
    name: owner.metadata.name,
    uid: owner.metadata.uid ?? '',
    generation: owner.metadata.generation ?? 0,
    replicas: wanted(owner),
    replicaSet: replicaSet.metadata.name,
    inTarget: inTargetOf(facts, owner, {}),
    labels: facts.pod.metadata.labels ?? {},
    withheld: [HASH_LABEL],
    ...(serviceAccountName !== undefined && { serviceAccount: serviceAccountName }),
  };
  return { usable: planned, findings };
}

/** A pod of an earlier template: the rollout is not over, or was undone halfway. */
function staleReplicaSet(replicaSet: OwnerObject, owner: OwnerObject): Finding[] {
  const [mine, current] = [replicaSet, owner].map((one) => one.metadata.annotations?.[REVISION]);
  if (mine === current) return [];
  return [
    {
      code: 'E122',
      severity: 'error',
      what: `the pod is of revision ${mine} (${replicaSet.metadata.name}), ${owner.metadata.name} is at revision ${current}`,
      why: 'the target would make its next pods from another template than this one’s',
      remedy: 'wait until the rollout is over, and move a pod of the new revision',
      field: `metadata.annotations[${REVISION}]`,
    },
  ];
}

function effects(draft: PlanDraft, planned: PlannedDeployment): Effect[] {
  const pod = (side: Side) => refOf(draft, side, RESOURCES.pod, draft[side].pod);
  const replicaSet = refOf(draft, 'target', RESOURCES.replicaSet, `${planned.name}-*`);
  const takeIn = { step: 'take-in', phase: 'switch', verb: 'patch' } as const;
  const cost = { step: 'owner', phase: 'prepare', verb: 'patch', object: pod('source') } as const;
  return [
    { ...cost, detail: `${COST_ANNOTATION}: the first to go` },
    ...ownerEffects(draft, RESOURCE, planned),
    { ...takeIn, object: replicaSet, detail: 'makes no pod of its own while this one comes in' },
    { ...takeIn, object: pod('target'), detail: `label ${HASH_LABEL}, so that it is adopted` },
    { ...cost, detail: 'way back', undoes: true },
  ];
}

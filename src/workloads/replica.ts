import type { Effect } from '../domain/effect.ts';
import { blocking } from '../domain/finding.ts';
import type { PlanDraft } from '../domain/plan.ts';
import type { PlannedReplica } from '../domain/workload.ts';
import type { Pod } from '../kube/objects.ts';
import { controllerOf } from '../kube/owner-objects.ts';
import type { Verdict } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import {
  checkAsPlanned,
  checkSiblings,
  hold,
  letGo,
  ownerSettles,
  readOwner,
  refOf,
  siblingsSettle,
} from './counted-owner.ts';
import { COST_ANNOTATION, costOf, FIRST_TO_GO, LAST_TO_GO, setSourceCost } from './deletion-cost.ts';
import { isOnePlace, type OwnerFacts } from './owner-facts.ts';
import { restFindings } from './owner-findings.ts';
import { removeSourcePod, targetPod } from './source-pod.ts';
import type { Detection, Workload, WorkloadContext } from './workload.ts';

/**
 * A pod of a ReplicaSet within its namespace: replaced one for one. The target pod has no label until it is Ready. Then
 * it gets all of them at once, and the ReplicaSet, which then has one pod too many, deletes the source pod, the first
 * to go by its cost: it never has too few, so it makes none of its own.
 */
export const replica: Workload<PlannedReplica> = {
  kind: 'replica',
  owns: (facts) => isOnePlace(facts) && facts.owners[0]?.kind === 'ReplicaSet',
  detect,
  effects,
  moments: {
    async capture(context, planned) {
      await readAsPlanned(context, planned);
      return null;
    },
    async prepare(context, planned) {
      await hold(context, 'source', resourceOf(planned), await readAsPlanned(context, planned));
      await setSourceCost(context, FIRST_TO_GO);
    },
    async check(context, planned) {
      await readAsPlanned(context, planned);
      await checkSiblings(context);
    },
    async takeIn(context, planned) {
      // One that is not Ready would be deleted before the source pod, whatever that costs.
      await siblingsSettle(context);
      const { gateway, plan, signal } = context;
      const metadata = { labels: planned.labels, annotations: { [COST_ANNOTATION]: LAST_TO_GO } };
      await gateway.patch(targetPod(plan), 'merge', { metadata }, { signal });
      await isCounted(context, planned);
      // The controller has seen both by now, and has deleted this one. If it was told to want one more in that moment it
      // has not, and makes another when this one goes.
      await removeSourcePod(context);
    },
    async finalize(context, planned) {
      const { gateway, plan, target, signal } = context;
      // Whoever scales it down in this minute gives up another pod than this one, which is the youngest.
      await ownerSettles(context, 'source', resourceOf(planned), planned.owner.name, 'to be at rest');
      await ownerSettles(context, 'source', RESOURCES.replicaSet, planned.replicaSet.name, 'to be at rest');
      const { namespace, pod } = plan.target;
      const found = await target.get<Pod>(RESOURCES.pod, pod, { namespace, signal });
      const annotations = { [COST_ANNOTATION]: planned.cost ?? null };
      if (found) await gateway.patch(targetPod(plan), 'merge', { metadata: { annotations } }, { signal });
      await letGo(context, 'source', resourceOf(planned), planned.owner.name);
    },
    async back(context, planned) {
      await setSourceCost(context, planned.cost ?? null);
      await letGo(context, 'source', resourceOf(planned), planned.owner.name);
    },
  },
};

function resourceOf({ owner: { kind } }: PlannedReplica) {
  return kind === 'Deployment' ? RESOURCES.deployment : RESOURCES.replicaSet;
}

async function readAsPlanned(context: WorkloadContext, planned: PlannedReplica) {
  const { owner } = planned;
  return checkAsPlanned(context.plan, owner, await readOwner(context, 'source', resourceOf(planned), owner.name));
}

/** Waits until the ReplicaSet has the target pod; or has deleted it, being rolled out or scaled down at this moment. */
async function isCounted({ plan, target, signal, waiting }: WorkloadContext, planned: PlannedReplica): Promise<void> {
  const { namespace, pod: name } = plan.target;
  const counted = (pod: Pod | undefined): Verdict => {
    if (!pod || pod.metadata.deletionTimestamp !== undefined) return { done: true };
    const adopted = controllerOf(pod)?.uid === planned.replicaSet.uid;
    return adopted ? { done: true } : { done: false, why: 'not adopted yet' };
  };
  await target.waitFor<Pod>(RESOURCES.pod, { namespace, name }, counted, {
    name: `pod ${namespace}/${name} in ${plan.target.context} to be adopted by its ReplicaSet`,
    deadlineMs: plan.deadlines.readyTimeout,
    flag: '--ready-timeout',
    signal,
    onProgress: waiting,
  });
}

function detect(facts: OwnerFacts): Detection<PlannedReplica> {
  const [replicaSet, deployment = replicaSet] = facts.owners;
  if (!replicaSet || !deployment) throw new Error('a pod of a ReplicaSet has one');
  const findings = restFindings(facts, deployment);
  if (blocking(findings).length > 0) return { declined: findings };
  const { labels = {} } = facts.pod.metadata;
  const cost = costOf(facts.pod);
  const { name, uid = '', generation = 0 } = deployment.metadata;
  const planned: PlannedReplica = {
    kind: 'replica',
    owner: { kind: deployment.kind === 'Deployment' ? 'Deployment' : 'ReplicaSet', name, uid, generation },
    replicaSet: { name: replicaSet.metadata.name, uid: replicaSet.metadata.uid ?? '' },
    labels,
    withheld: Object.keys(labels),
    ...(cost !== undefined && { cost }),
  };
  return { usable: planned, findings };
}

function effects(draft: PlanDraft, planned: PlannedReplica): Effect[] {
  const source = refOf(draft, 'source', RESOURCES.pod, draft.source.pod);
  const target = refOf(draft, 'target', RESOURCES.pod, draft.target.pod);
  const owner = refOf(draft, 'source', resourceOf(planned), planned.owner.name);
  const prepare = { step: 'owner', phase: 'prepare', verb: 'patch' } as const;
  const last = { step: 'finalize', phase: 'finalize', verb: 'patch' } as const;
  const { replicaSet } = planned;
  return [
    { ...prepare, object: owner, detail: 'marked as held by this move' },
    { ...prepare, object: source, detail: `${COST_ANNOTATION}: the first to go` },
    {
      step: 'take-in',
      phase: 'switch',
      verb: 'patch',
      object: target,
      detail: `labels of replicaset ${replicaSet.name}, which adopts it and lets the source pod go`,
    },
    { ...last, object: target, detail: 'its own deletion cost' },
    { ...last, object: owner, detail: 'the mark of this move goes' },
    { ...prepare, object: owner, detail: 'way back', undoes: true },
    { ...prepare, object: source, detail: 'way back', undoes: true },
  ];
}

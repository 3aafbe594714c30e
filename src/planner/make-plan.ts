import type { Effect } from '../domain/effect.ts';
import { declined } from '../domain/errors.ts';
import { blocking, type Finding } from '../domain/finding.ts';
import type { Json } from '../domain/json.ts';
import { SYSTEM_NAMESPACE } from '../domain/names.ts';
import { PLAN_SCHEMA, type Plan, type PlanDraft, type PlanSource, type PlanTarget } from '../domain/plan.ts';
import { SIDES } from '../domain/refs.ts';
import { journalEffects, journalRef, recordSides } from '../journal/config-map-sink.ts';
import { type LockPlaces, lockEffects } from '../journal/lease.ts';
import { expectUnlocked } from '../journal/lock.ts';
import type { Pod } from '../kube/objects.ts';
import { bareContainerId, podAddresses } from '../kube/pod-status.ts';
import { planRoutes } from '../routes/plan-routes.ts';
import type { Step } from '../steps/step.ts';
import { detectWorkload, withoutWithheld } from '../workloads/index.ts';
import { originalPod } from '../workloads/original-pod.ts';
import { placeholderPod } from '../workloads/placeholder-pod.ts';
import { checkAccess } from './checks/access.ts';
import { checkClusters } from './checks/clusters.ts';
import { checkDependencies } from './checks/dependencies.ts';
import { checkLiveness } from './checks/liveness.ts';
import { type Candidate, chooseNode, judgeNodes } from './checks/placement.ts';
import { checkPodState, imageByDigest } from './checks/pod-state.ts';
import { namingForbidden } from './checks/reads.ts';
import type { Facts } from './facts.ts';
import { type Evidence, makeForecast } from './forecast.ts';
import { reliedOn } from './relied-on.ts';
import { judgePod } from './survey.ts';

export interface PlanOptions {
  /** Id of the migration: lower case, fit for object names. */
  readonly id: string;
  /** RFC 3339. */
  readonly createdAt: string;
  /** The one list of steps; each says what it will do. */
  readonly steps: readonly Step[];
  /** What the forecast is made from; nothing by default. */
  readonly evidence?: Evidence;
  readonly signal?: AbortSignal;
}

/**
 * Turns facts into a plan. Reads only. Throws a refusal with every finding at once when the move cannot be made;
 * warnings go into the plan.
 */
export async function makePlan(facts: Facts, options: PlanOptions): Promise<Plan> {
  const { request, target } = facts;
  const read = options.signal ? { signal: options.signal } : {};
  // First: what another migration is doing would be found as many other obstacles.
  if (!request.forceUnlock)
    await expectUnlocked({ ...facts, plan: placesOf(facts), now: Date.parse(options.createdAt), ...read });
  const original = originalPod(facts.pod);
  const workload = detectWorkload(facts.owners);
  const placement = place(facts, original);
  const image = imageByDigest(facts.pod);
  const routes = planRoutes(request, facts.pod, facts.services, contextsOf(facts));
  const state = checkPodState(facts.pod, facts.source.context);
  const budget = checkLiveness(original, request.deadlines);
  // A container that does not run has no digest yet, and that is not what is wrong with it.
  const unknownImage = image === undefined && !state.some((finding) => finding.code === 'E105');
  const dependencies = await namingForbidden(facts, read, () => checkDependencies(original, facts, read));
  const findings = [
    ...checkClusters(facts),
    ...judgePod(facts.pod, facts.source.context),
    ...('declined' in workload ? workload.declined : workload.findings),
    ...placement.findings,
    ...routes.findings,
    ...budget.findings,
    ...(unknownImage ? [noDigest(facts.pod)] : []),
    ...dependencies.findings,
  ];
  if (blocking(findings).length > 0 || !image || !placement.node || !('usable' in workload))
    throw declined(blocking(findings));
  const draft: PlanDraft = {
    schema: PLAN_SCHEMA,
    id: options.id,
    createdAt: options.createdAt,
    request,
    source: planSource(facts, image),
    target: planTarget(facts, placement.node),
    oneCluster: facts.sameCluster,
    workload: workload.usable,
    copies: dependencies.copies,
    engine: { name: request.engine, reason: 'the only engine of this version' },
    transfer: { name: 'relay', reason: 'through this machine, the only way of this version' },
    route: { name: request.route, services: routes.routes },
    helper: planHelper(facts),
    deadlines: budget.deadlines,
    warnings: findings.filter((finding) => finding.severity === 'warning'),
    forecast: makeForecast(options.evidence ?? { past: [] }, {
      namespace: request.namespace,
      pod: request.pod,
      contexts: [facts.source.context, target.context],
    }),
    reliedOn: reliedOn(facts, placement.node),
    manifest: placeholderPod({
      original: withoutWithheld(original, workload.usable),
      migration: options.id,
      namespace: request.targetNamespace,
      node: placement.node,
      image,
      helperImage: request.helperImage ?? '',
    }) as unknown as Json,
  };
  const plan: Plan = {
    ...draft,
    effects: planEffects(draft, options.steps),
  };
  const refused = await Promise.all([facts.source, target].map((cluster) => checkAccess(cluster, plan.effects, read)));
  if (refused.flat().length > 0) throw declined(refused.flat());
  return plan;
}

/** Every change of a plan: lock, record, and what each step declares. Pure. */
export function planEffects(draft: PlanDraft, steps: readonly Step[]): Effect[] {
  return [...lockEffects(draft), ...recordEffects(draft), ...steps.flatMap((step) => step.plan(draft))];
}

function placesOf({ request, sameCluster }: Facts): LockPlaces {
  const { pod, namespace, targetNamespace } = request;
  return {
    source: { namespace, pod },
    target: { namespace: targetNamespace, pod },
    helper: { namespace: SYSTEM_NAMESPACE },
    oneCluster: sameCluster,
  };
}

function planTarget({ request, target, pod }: Facts, node: string): PlanTarget {
  return {
    context: target.context,
    server: target.server,
    namespace: request.targetNamespace,
    pod: pod.metadata.name,
    node,
  };
}

function planHelper({ request, systemNamespaces }: Facts): PlanDraft['helper'] {
  return {
    image: request.helperImage ?? '',
    namespace: SYSTEM_NAMESPACE,
    createNamespaceIn: SIDES.filter((side) => systemNamespaces[side] === undefined),
  };
}

function contextsOf({ source, target }: Facts) {
  return { source: source.context, target: target.context };
}

/** The records of the migration, which go away again only after a complete way back, or with `cleanup`. */
function recordEffects(draft: PlanDraft): Effect[] {
  return recordSides(draft).flatMap((side) => {
    const forget = { step: 'journal', phase: 'prepare', verb: 'delete', detail: 'way back', undoes: true } as const;
    return [...journalEffects(side, draft.id), { ...forget, object: journalRef(side, draft.id) }];
  });
}

function planSource({ request, source, pod }: Facts, image: string): PlanSource {
  const status = pod.status?.containerStatuses?.[0];
  return {
    context: source.context,
    server: source.server,
    namespace: request.namespace,
    pod: pod.metadata.name,
    uid: pod.metadata.uid ?? '',
    node: pod.spec.nodeName ?? '',
    addresses: podAddresses(pod),
    container: {
      name: pod.spec.containers[0]?.name ?? '',
      id: bareContainerId(status?.containerID ?? ''),
      restartCount: status?.restartCount ?? 0,
      image,
    },
  };
}

function place(facts: Facts, original: Pod): { node: string | undefined; findings: Finding[] } {
  const { request, target } = facts;
  const placement = {
    pod: original,
    nodes: facts.targetNodes,
    pods: facts.targetPods,
    architecture: facts.sourceNode?.status?.nodeInfo?.architecture,
  };
  const candidates = judgeNodes(placement);
  const wanted = request.targetNode;
  if (wanted !== undefined && !candidates.some(({ node }) => node === wanted)) {
    return { node: undefined, findings: [unknownNode(wanted, target.context, candidates)] };
  }
  const allowed = wanted === undefined ? candidates : candidates.filter(({ node }) => node === wanted);
  const node = chooseNode(allowed, placement);
  if (node !== undefined) return { node, findings: [] };
  return { node, findings: [noNodeFits(target.context, allowed)] };
}

function unknownNode(node: string, context: string, candidates: readonly Candidate[]): Finding {
  return {
    code: 'E104',
    severity: 'error',
    what: `there is no node ${node} in ${context}`,
    why: 'that is where the pod would go',
    remedy: `name another with --to-node: ${candidates.map((candidate) => candidate.node).join(', ')}`,
  };
}

function noNodeFits(context: string, candidates: readonly Candidate[]): Finding {
  return {
    code: 'E132',
    severity: 'error',
    what: `no node of ${context} fits: ${candidates.map(({ node, reasons }) => `${node} ${reasons.join(', ')}`).join('; ')}`,
    why: 'the pod could not be scheduled there',
    remedy: 'make room on a node, change what the pod asks for, or name another with --to-node',
  };
}

function noDigest(pod: Pod): Finding {
  return {
    code: 'E120',
    severity: 'error',
    what: `the image ${pod.spec.containers[0]?.image} of pod ${pod.metadata.name} has no digest of a registry`,
    why: 'the target must run exactly the files that the process was started from',
    remedy: 'push the image to a registry that both clusters reach, and start the pod from there',
    field: 'status.containerStatuses[0].imageID',
  };
}

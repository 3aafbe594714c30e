import { auditEffects } from '../audit/config-map-chain.ts';
import type { Effect } from '../domain/effect.ts';
import { declined } from '../domain/errors.ts';
import { blocking, type Finding } from '../domain/finding.ts';
import type { Json } from '../domain/json.ts';
import { rehearsalPodName, SYSTEM_NAMESPACE } from '../domain/names.ts';
import {
  PLAN_SCHEMA,
  type Plan,
  type PlanContainer,
  type PlanDraft,
  type PlannedArchive,
  type PlannedCopy,
  type PlannedVolume,
  type PlanSource,
  type PlanTarget,
} from '../domain/plan.ts';
import { SIDES } from '../domain/refs.ts';
import type { PlannedWorkload } from '../domain/workload.ts';
import { journalEffects, journalRef, recordSides } from '../journal/config-map-sink.ts';
import { type LockPlaces, lockEffects } from '../journal/lease.ts';
import { expectUnlocked } from '../journal/lease-access.ts';
import { withheldEffects } from '../journal/withheld-secret.ts';
import type { Pod } from '../kube/objects.ts';
import { bareContainerId, containerStatus, podAddresses } from '../kube/pod-status.ts';
import type { ReadOptions } from '../kube/ports.ts';
import { planRoutes } from '../routes/plan-routes.ts';
import { type Step, stepsOf } from '../steps/step.ts';
import { parseRepository } from '../transfer/registry/reference.ts';
import { lastingContainers } from '../workloads/containers.ts';
import { detectWorkload, isRenewed, targetNameOf, withoutWithheld } from '../workloads/index.ts';
import { originalPod } from '../workloads/original-pod.ts';
import { isOnePlace } from '../workloads/owner-facts.ts';
import { placeholderPod } from '../workloads/placeholder-pod.ts';
import { restoredPod } from '../workloads/restored-pod.ts';
import { checkAccess } from './checks/access.ts';
import { checkAdmission } from './checks/admission.ts';
import { checkClusters } from './checks/clusters.ts';
import { checkDependencies } from './checks/dependencies.ts';
import { checkForecast } from './checks/freeze-budget.ts';
import { checkHold } from './checks/hold.ts';
import { checkLiveness } from './checks/liveness.ts';
import { imageByDigest } from './checks/pod-state.ts';
import { namingForbidden } from './checks/reads.ts';
import { checkVolumes } from './checks/volumes.ts';
import { chooseContainers } from './chosen-containers.ts';
import { considerEngines, type EngineChoice, reasonFor, withoutRepeats } from './engine-choice.ts';
import type { Facts } from './facts.ts';
import { type Evidence, type ForecastOf, makeForecast } from './forecast.ts';
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
  const { request } = facts;
  const read = options.signal ? { signal: options.signal } : {};
  // First: what another migration is doing would be found as many other obstacles.
  if (!request.forceUnlock)
    await expectUnlocked({ ...facts, plan: placesOf(facts), now: Date.parse(options.createdAt), ...read });
  const survey = await surveyMove(facts, read);
  const { usable, refused } = considerEngines(facts, survey.original);
  const against = [...blocking(survey.findings), ...(usable.length === 0 ? refused : [])];
  const { workload } = survey;
  if (against.length > 0 || !workload) throw declined(against);
  const forbidden: Finding[] = [];
  for (const choice of usable) {
    const plan = draftPlan(facts, { ...survey, workload }, choice, withoutRepeats([...refused, ...forbidden]), options);
    const { maxFreeze: asked } = request.deadlines;
    const limits = { budget: plan.deadlines.maxFreeze, asked, fatal: survey.budget.fatalMs };
    const tooLong = checkForecast(plan.forecast, limits, evidenceOf(options), forecastOf(facts));
    if (tooLong.length > 0) throw declined(tooLong);
    const missing = await Promise.all(
      [facts.source, facts.target].map((cluster) => checkAccess(cluster, plan.effects, read)),
    );
    if (missing.flat().length === 0) {
      const admission = await checkAdmission(plan, facts.target, read);
      if (blocking(admission).length > 0) throw declined(admission);
      return { ...plan, warnings: [...plan.warnings, ...admission] };
    }
    forbidden.push(...missing.flat());
  }
  throw declined(withoutRepeats(forbidden));
}

/** What is known of a move before an engine is chosen for it. */
interface MoveSurvey {
  readonly original: Pod;
  readonly containers: readonly PlanContainer[];
  readonly afresh: readonly PlanContainer[];
  /** Undefined where the owner is declined, which the findings tell. */
  readonly workload: PlannedWorkload | undefined;
  readonly copies: readonly PlannedCopy[];
  readonly volumes: readonly PlannedVolume[];
  readonly routes: ReturnType<typeof planRoutes>;
  readonly budget: ReturnType<typeof checkLiveness>;
  readonly findings: readonly Finding[];
}

async function surveyMove(facts: Facts, read: ReadOptions): Promise<MoveSurvey> {
  const original = originalPod(facts.pod);
  const workload = detectWorkload(facts.owners);
  const planned = planContainers(facts.pod, original);
  const { containers, afresh, ...choice } = chooseContainers(facts.request, planned);
  const places = { contexts: contextsOf(facts), onePlace: isOnePlace(facts.owners) };
  const routes = planRoutes(facts.request, facts.pod, facts.services, places);
  const budget = checkLiveness(original, facts.request.deadlines);
  const outlook = judgePod(facts.pod, facts.source.context);
  // A container that does not run has no digest yet, and that is not what is wrong with it.
  const unknownImages = outlook.some((finding) => finding.code === 'E105') ? [] : withoutDigest(facts.pod, original);
  const dependencies = await namingForbidden(facts, read, () => checkDependencies(original, facts, read));
  const usable = 'usable' in workload ? workload.usable : undefined;
  const persistent = checkVolumes(facts, original, usable !== undefined && isRenewed(usable));
  const findings = [
    ...checkClusters(facts),
    ...outlook,
    ...('declined' in workload ? workload.declined : workload.findings),
    ...routes.findings,
    ...(usable && isRenewed(usable) ? [deletedFirst(facts)] : []),
    ...(usable ? checkHold(original, usable, facts.request.hold ?? 0, persistent.volumes.length > 0) : []),
    ...persistent.findings,
    ...choice.findings,
    ...budget.findings,
    ...unknownImages,
    ...dependencies.findings,
  ];
  const { copies } = dependencies;
  const { volumes } = persistent;
  return { original, containers, afresh, workload: usable, copies, volumes, routes, budget, findings };
}

function draftPlan(
  facts: Facts,
  survey: MoveSurvey & { readonly workload: PlannedWorkload },
  choice: EngineChoice,
  against: readonly Finding[],
  options: PlanOptions,
): Plan {
  const { request } = facts;
  const { workload, copies, volumes, containers, afresh, routes, budget } = survey;
  const name = targetNameOf(workload, { pod: request.pod, asked: request.targetName, migration: options.id });
  const original = withoutWithheld(survey.original, workload, name);
  const found = [...survey.findings, ...choice.findings];
  const archive = choice.engine === 'kubelet' ? planArchive(facts, options.id) : undefined;
  const draft: PlanDraft = {
    schema: PLAN_SCHEMA,
    id: options.id,
    createdAt: options.createdAt,
    request,
    source: planSource(facts, containers, afresh),
    target: planTarget(facts, name, choice),
    oneCluster: facts.sameCluster,
    workload,
    ...(isRenewed(workload) && { rehearsal: { pod: rehearsalPodName(name, options.id) } }),
    copies,
    volumes,
    engine: { name: choice.engine, reason: reasonFor(request, choice, against) },
    transfer: archive
      ? { name: 'registry', reason: 'the target’s runtime restores from an image' }
      : { name: 'relay', reason: 'through this machine, the only way of this engine' },
    ...(archive && { archive }),
    route: { name: request.route, services: routes.routes },
    helper: planHelper(facts, choice),
    deadlines: budget.deadlines,
    warnings: found.filter((finding) => finding.severity === 'warning'),
    forecast: makeForecast(evidenceOf(options), forecastOf(facts)),
    reliedOn: reliedOn(facts, choice.node),
    manifest: targetManifest(facts, {
      original,
      containers: [...containers, ...afresh],
      archive,
      migration: options.id,
      node: choice.node,
    }),
  };
  return {
    ...draft,
    effects: planEffects(draft, options.steps),
  };
}

function evidenceOf({ evidence = { past: [] } }: PlanOptions): Evidence {
  return evidence;
}

function forecastOf({ request: { namespace, pod }, source, target }: Facts): ForecastOf {
  return { namespace, pod, contexts: [source.context, target.context] };
}

function planArchive({ request, sourceNode }: Facts, tag: string): PlannedArchive | undefined {
  const place = parseRepository(request.registry ?? '');
  return place && { ...place, tag, architecture: sourceNode?.status?.nodeInfo?.architecture ?? 'amd64' };
}

function targetManifest(
  { request }: Facts,
  parts: {
    original: Pod;
    containers: readonly PlanContainer[];
    archive: PlannedArchive | undefined;
    migration: string;
    node: string;
  },
): Json {
  const { archive, containers, ...common } = parts;
  const images = new Map(containers.map(({ name, image }) => [name, image]));
  const namespace = request.targetNamespace;
  const pod = archive
    ? restoredPod({ ...common, namespace, image: `${archive.host}/${archive.repository}:${archive.tag}` })
    : placeholderPod({ ...common, namespace, images, helperImage: request.helperImage ?? '' });
  return pod as unknown as Json;
}

/** Every change of a plan: lock, record, audit record, and what each step declares. Pure. */
export function planEffects(draft: PlanDraft, steps: readonly Step[]): Effect[] {
  const audit = recordSides(draft).flatMap((side) => auditEffects(side));
  const acts = stepsOf(steps, draft).flatMap((step) => step.plan(draft));
  return [...lockEffects(draft), ...recordEffects(draft), ...withheldEffects(draft), ...audit, ...acts];
}

function placesOf({ request, sameCluster }: Facts): LockPlaces {
  const { pod, namespace, targetNamespace, targetName = pod } = request;
  return {
    source: { namespace, pod },
    target: { namespace: targetNamespace, pod: targetName },
    helper: { namespace: SYSTEM_NAMESPACE },
    oneCluster: sameCluster,
  };
}

function planTarget({ request, target }: Facts, pod: string, choice: EngineChoice): PlanTarget {
  const { node, lost, restoreSetting } = choice;
  return {
    context: target.context,
    server: target.server,
    namespace: request.targetNamespace,
    pod,
    node,
    ...(lost.length > 0 && { withoutCapabilities: lost }),
    ...(restoreSetting !== undefined && { restoreSetting }),
  };
}

function planHelper({ request, systemNamespaces }: Facts, { sides }: EngineChoice): PlanDraft['helper'] {
  return {
    image: request.helperImage ?? '',
    namespace: SYSTEM_NAMESPACE,
    createNamespaceIn: SIDES.filter((side) => systemNamespaces[side] === undefined),
    sides,
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

/** Those without a digest are left out; a finding names them. */
function planContainers(pod: Pod, original: Pod): PlanContainer[] {
  return lastingContainers(original.spec).flatMap((container) => {
    const image = imageByDigest(pod, container);
    if (image === undefined) return [];
    const status = containerStatus(pod, container.name);
    const id = bareContainerId(status?.containerID ?? '');
    return { name: container.name, id, restartCount: status?.restartCount ?? 0, image };
  });
}

function planSource(
  { request, source, pod }: Facts,
  containers: readonly PlanContainer[],
  afresh: readonly PlanContainer[],
): PlanSource {
  return {
    context: source.context,
    server: source.server,
    namespace: request.namespace,
    pod: pod.metadata.name,
    uid: pod.metadata.uid ?? '',
    node: pod.spec.nodeName ?? '',
    addresses: podAddresses(pod),
    containers,
    ...(afresh.length > 0 && { afresh }),
  };
}

/** What is different where a name has to be freed. */
function deletedFirst({ request, source }: Facts): Finding {
  return {
    code: 'W213',
    severity: 'warning',
    what: `pod ${request.namespace}/${request.pod} of ${source.context} is deleted before the one that takes its name can be made`,
    why: 'two pods cannot have one name; the restore is tried in another pod first, and the image stays on both nodes until it is done',
    remedy: 'nothing to do; a bare pod can be moved under another name with --to-name',
  };
}

function withoutDigest(pod: Pod, original: Pod): Finding[] {
  const unknown = lastingContainers(original.spec).filter((each) => imageByDigest(pod, each) === undefined);
  return unknown.map(({ name, image }) => ({
    code: 'E120',
    severity: 'error',
    what: `the image ${image} of container ${name} of pod ${pod.metadata.name} has no digest of a registry`,
    why: 'the target must run exactly the files that the process was started from',
    remedy: 'push the image to a registry that both clusters reach, and start the pod from there',
    field: `status.containerStatuses[name=${name}].imageID`,
  }));
}

import { declined, isMigrateError } from '../src/domain/errors.ts';
import type { Finding } from '../src/domain/finding.ts';
import { newMigrationId } from '../src/domain/names.ts';
import type { MigrationRequest, Plan } from '../src/domain/plan.ts';
import type { Pod } from '../src/kube/objects.ts';
import { RESOURCES } from '../src/kube/resources.ts';
import { gatherFacts } from '../src/planner/facts.ts';
import { makePlan } from '../src/planner/make-plan.ts';
import { STEPS } from '../src/steps/index.ts';
import type { Composition } from './context.ts';
import { gatherEvidence } from './evidence.ts';
import { toDeadlines } from './flags/deadlines.ts';
import { parseDuration } from './flags/duration.ts';
import type { PodOptions } from './migrate-pod.ts';
import type { Streams } from './streams.ts';

/** The plans of what was asked for: of one pod, or of every pod that a selector names, in the order of their names. */
export async function plansFor(options: PodOptions, composition: Composition, streams: Streams): Promise<Plan[]> {
  const pods = options.pod === undefined ? await selectedPods(options, composition, streams) : [options.pod];
  const plans: Plan[] = [];
  const refusals: Finding[] = [];
  for (const pod of pods) {
    try {
      plans.push(await makePlanFor(requestFor(pod, options, composition.source.namespace), composition, streams));
    } catch (error) {
      // With several pods all refusals are told at once: a file without some of them would be taken for whole.
      if (pods.length === 1 || !isMigrateError(error) || error.findings.length === 0) throw error;
      refusals.push(...error.findings);
    }
  }
  if (refusals.length > 0) throw declined(refusals);
  return plans;
}

/** Reads both clusters and makes the plan of a request; `id` is that of a plan that is made anew. */
export async function makePlanFor(
  request: MigrationRequest,
  { source, target }: Composition,
  streams: Streams,
  id: string = newMigrationId(),
): Promise<Plan> {
  const signal = streams.interrupt;
  const [facts, evidence] = await Promise.all([
    gatherFacts(request, source.reader, target.reader, signal),
    gatherEvidence(request, source.reader, streams),
  ]);
  return makePlan(facts, { id, createdAt: new Date().toISOString(), steps: STEPS, evidence, signal });
}

/** What flags ask for. `home` is the namespace of the source's context. Pure; the options must be free of complaints. */
export function requestFor(pod: string, options: Omit<PodOptions, 'pod'>, home: string): MigrationRequest {
  const namespace = options.namespace ?? home;
  const helperImage = options['helper-image'];
  const { registry } = options;
  const hold = parseDuration(options.hold ?? '');
  return {
    pod,
    ...(options.container !== undefined && { container: options.container }),
    namespace,
    targetNamespace: options['to-namespace'] ?? namespace,
    ...(options['to-node'] !== undefined && { targetNode: options['to-node'] }),
    ...(options['to-node-selector'] !== undefined && { targetNodeSelector: options['to-node-selector'] }),
    ...(options['to-name'] !== undefined && { targetName: options['to-name'] }),
    engine: options.engine,
    route: options.route,
    ...(helperImage && { helperImage }),
    ...(registry && { registry }),
    ignoreManagers: options['ignore-managers'],
    copyDependencies: options['copy-dependencies'],
    overwrite: options.overwrite,
    ...(hold !== undefined && { hold }),
    forceUnlock: options['force-unlock'],
    deadlines: toDeadlines(options),
  };
}

async function selectedPods(options: PodOptions, { source }: Composition, streams: Streams): Promise<string[]> {
  const namespace = options.namespace ?? source.namespace;
  const { selector } = options;
  const found = await source.reader.list<Pod>(RESOURCES.pod, {
    namespace,
    ...(selector !== undefined && { labelSelector: selector }),
    signal: streams.interrupt,
  });
  if (found.length > 0) return found.map(({ metadata }) => metadata.name).toSorted();
  throw declined([
    {
      code: 'E103',
      severity: 'error',
      what: `there is no pod in namespace ${namespace} of ${source.context}${selector === undefined ? '' : ` that matches ${selector}`}`,
      why: 'there is nothing to move',
      remedy: `list them with: kubectl --context ${source.context} -n ${namespace} get pods --show-labels`,
    },
  ]);
}

import { declined, failureCode } from '../../domain/errors.ts';
import { SYSTEM_NAMESPACE } from '../../domain/names.ts';
import type { MigrationRequest } from '../../domain/plan.ts';
import type { Side } from '../../domain/refs.ts';
import type { Pod } from '../../kube/objects.ts';
import type { Access, ClusterReader, ReadOptions } from '../../kube/ports.ts';
import { RESOURCES } from '../../kube/resources.ts';
import { dependenciesOf } from '../../workloads/dependencies.ts';
import { claimsOf } from '../volume-facts.ts';
import { question, refusedAccess } from './access.ts';

export interface Readers {
  readonly request: MigrationRequest;
  readonly source: ClusterReader;
  readonly target: ClusterReader;
}

/**
 * Reads what a plan is made from. When a read is forbidden, throws a refusal with E140 for every read that is, instead of
 * F313 for the first: asked for only then, so that whoever may read does not wait for the questions.
 */
export async function namingForbidden<T>(readers: Readers, options: ReadOptions, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (failureCode(error) !== 'F313') throw error;
    const { request, source, target } = readers;
    const place = { ...options, namespace: request.namespace };
    const pod = await source.get<Pod>(RESOURCES.pod, request.pod, place).catch(() => undefined);
    const questions = planningReads(request, pod);
    const refused = await Promise.all(
      [source, target].map((cluster) => refusedAccess(cluster, questions[cluster.side], options)),
    );
    throw refused.flat().length > 0 ? declined(refused.flat()) : error;
  }
}

/** What the planner reads on each side; of dependencies the kinds that the pod refers to. Pure. */
export function planningReads(
  request: MigrationRequest,
  pod: Pod | undefined,
): Readonly<Record<Side, readonly Access[]>> {
  const owned = pod?.metadata.ownerReferences?.some(({ controller }) => controller) === true;
  const owners = owned ? [RESOURCES.deployment, RESOURCES.replicaSet, RESOURCES.statefulSet] : [];
  const around = owned ? [RESOURCES.autoscaler, RESOURCES.disruptionBudget] : [];
  const dependencies = [...new Set((pod ? dependenciesOf(pod) : []).map(({ resource }) => resource))];
  const hasClaims = pod !== undefined && claimsOf(pod).length > 0;
  const volumes = (namespace: string) =>
    hasClaims
      ? [question('get', RESOURCES.persistentVolumeClaim, namespace), question('get', RESOURCES.persistentVolume)]
      : [];
  const from = request.namespace;
  const to = request.targetNamespace;
  // Records of past moves are what a forecast rests on, and what `history` and `audit` show.
  const everywhere = (own: string) => [
    ...[own, SYSTEM_NAMESPACE].map((each) => question('get', RESOURCES.namespace, each)),
    question('list', RESOURCES.configMap, SYSTEM_NAMESPACE),
  ];
  const routes = (namespace: string) => [
    question('list', RESOURCES.service, namespace),
    question('list', RESOURCES.endpointSlice, namespace),
  ];
  return {
    source: [
      ...everywhere(from),
      question('get', RESOURCES.pod, from),
      question('get', RESOURCES.node),
      ...routes(from),
      ...(request.copyDependencies ? dependencies.map((resource) => question('get', resource, from)) : []),
      ...owners.map((resource) => question('get', resource, from)),
      ...around.map((resource) => question('list', resource, from)),
      ...(owned ? [question('list', RESOURCES.pod, from)] : []),
      ...volumes(from),
    ],
    target: [
      ...everywhere(to),
      question('get', RESOURCES.pod, to),
      // All of them for a place, and that one again by whoever carries out a plan that was made before.
      question('list', RESOURCES.node),
      question('get', RESOURCES.node),
      question('list', RESOURCES.pod),
      ...routes(to),
      ...owners.map((resource) => question('get', resource, to)),
      ...dependencies.map((resource) => question('get', resource, to)),
      ...volumes(to),
    ],
  };
}

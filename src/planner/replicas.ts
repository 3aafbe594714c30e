import { declined } from '../domain/errors.ts';
import type { MigrationRequest } from '../domain/plan.ts';
import type { Pod } from '../kube/objects.ts';
import { controllerOf } from '../kube/owner-objects.ts';
import type { ClusterReader, ReadOptions } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { siblingsOf } from '../workloads/owner-facts.ts';
import { noPod } from './facts.ts';

/**
 * The names of a pod and of the others of its owner, in the order in which they move one after the other: those of a
 * StatefulSet from the highest ordinal down, as it ends them; those of a Deployment by name, the given one first.
 * Throws a refusal with E103 when the pod is not there.
 */
export async function replicasOf(
  source: ClusterReader,
  request: Pick<MigrationRequest, 'namespace' | 'pod'>,
  options: ReadOptions,
): Promise<string[]> {
  const { namespace, pod: name } = request;
  const pods = await source.list<Pod>(RESOURCES.pod, { ...options, namespace });
  const pod = pods.find(({ metadata }) => metadata.name === name);
  if (!pod) throw declined([noPod(source, request)]);
  const others = controllerOf(pod) ? siblingsOf(pod, pods).map(({ metadata }) => metadata.name) : [];
  if (controllerOf(pod)?.kind === 'StatefulSet') return [name, ...others].toSorted((a, b) => ordinal(b) - ordinal(a));
  return [name, ...others.toSorted()];
}

function ordinal(name: string): number {
  return Number(/\d+$/.exec(name)?.[0]);
}

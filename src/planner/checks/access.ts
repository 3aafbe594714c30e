import type { Effect, Verb } from '../../domain/effect.ts';
import type { Finding } from '../../domain/finding.ts';
import type { ObjectRef } from '../../domain/refs.ts';
import { NAMESPACE_CONTENTS } from '../../engines/helper/system-namespace.ts';
import type { Access, ClusterReader, ReadOptions, Resource } from '../../kube/ports.ts';
import { RESOURCES } from '../../kube/resources.ts';

/** What is read of the objects of a plan while it is carried out: waits list and watch, the routes look and list. */
const READS: Readonly<Record<string, readonly string[]>> = {
  pods: ['get', 'list', 'watch'],
  services: ['get'],
  endpoints: ['get'],
  endpointslices: ['get', 'list'],
  configmaps: ['get'],
  secrets: ['get'],
  serviceaccounts: ['get'],
  leases: ['get'],
  deployments: ['get', 'list', 'watch'],
  replicasets: ['get', 'list', 'watch'],
  statefulsets: ['get', 'list', 'watch'],
  controllerrevisions: ['list'],
};

/**
 * What is asked of subresources. A stream begins as a GET that is upgraded, and since Kubernetes 1.35 needs what the POST
 * of old needed as well. A checkpoint passes the node proxy, and kubelet has a word for it too.
 */
const SUBRESOURCES: Partial<Record<Verb, readonly (readonly [verb: string, subresource: string])[]>> = {
  exec: [
    ['get', 'exec'],
    ['create', 'exec'],
  ],
  checkpoint: [
    ['create', 'proxy'],
    ['create', 'checkpoint'],
  ],
};

/** The same for the same access. Pure. */
export function accessKey(access: Access): string {
  return JSON.stringify(access, Object.keys(access).toSorted());
}

/** The questions to ask about a plan's effects on one cluster, and about what it reads to get on: each once. Pure. */
export function accessFor(effects: readonly Effect[]): Access[] {
  const questions = new Map<string, Access>();
  for (const { verb, object } of effects) {
    const resource = Object.values(RESOURCES).find(
      (candidate) => candidate.kind === object.kind && candidate.apiVersion === object.apiVersion,
    );
    if (!resource) continue;
    for (const question of questionsFor(verb, object, resource)) questions.set(JSON.stringify(question), question);
  }
  return [...questions.values()];
}

function questionsFor(verb: Verb, object: ObjectRef, resource: Resource): Access[] {
  const subresources = SUBRESOURCES[verb];
  if (subresources) {
    const named = verb === 'checkpoint' ? { name: object.name } : {};
    return subresources.map(([each, subresource]) => ({
      ...question(each, resource, object.namespace),
      subresource,
      ...named,
    }));
  }
  const writes = verb === 'apply' ? ['create', 'patch'] : [verb];
  const emptied = verb === 'delete' && resource === RESOURCES.namespace ? NAMESPACE_CONTENTS : [];
  // A namespace lies in itself, as far as rights on it go; before it is there it lies in none.
  const where = resource === RESOURCES.namespace && verb !== 'create' ? object.name : object.namespace;
  // What becomes of a Deployment's count is seen at its ReplicaSet.
  const followed = resource === RESOURCES.deployment ? [resource, RESOURCES.replicaSet] : [resource];
  return [
    ...writes.map((each) => question(each, resource, where)),
    ...followed.flatMap((seen) => (READS[seen.plural] ?? []).map((each) => question(each, seen, where))),
    ...emptied.map((content) => question('list', content, object.name)),
  ];
}

/** Whether a verb is allowed on a kind of object, in a namespace or everywhere. Pure. */
export function question(verb: string, { apiVersion, plural: resource }: Resource, namespace?: string): Access {
  const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
  return { verb, group, resource, ...(namespace !== undefined && { namespace }) };
}

/** E140 for every permission that the plan needs and the user lacks, in that cluster, before anything is written. */
export async function checkAccess(
  cluster: ClusterReader,
  effects: readonly Effect[],
  options: ReadOptions,
): Promise<Finding[]> {
  return refusedAccess(cluster, accessFor(effects.filter((effect) => effect.object.side === cluster.side)), options);
}

/** E140 for each of the questions that the API server answers with no. */
export async function refusedAccess(
  cluster: ClusterReader,
  questions: readonly Access[],
  options: ReadOptions,
): Promise<Finding[]> {
  const refused = await cluster.refused(questions, options);
  return refused.map(({ verb, group, resource, subresource, namespace }) => {
    const name = [resource, subresource].filter(Boolean).join('/') + (group ? `.${group}` : '');
    const where = namespace === undefined ? '' : ` in namespace ${namespace}`;
    return {
      code: 'E140',
      severity: 'error',
      what: `you may not ${verb} ${name}${where} of ${cluster.context}`,
      why: 'the plan needs it',
      remedy: `ask for a role that allows it, and check with: kubectl --context ${cluster.context} auth can-i ${verb} ${name}${namespace === undefined ? '' : ` -n ${namespace}`}`,
    };
  });
}

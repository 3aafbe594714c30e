import type { Effect } from '../../domain/effect.ts';
import type { Finding } from '../../domain/finding.ts';
import type { Access, ClusterReader, ReadOptions } from '../../kube/ports.ts';
import { RESOURCES } from '../../kube/resources.ts';

/** The questions to ask about a plan's effects on one cluster: each once. Pure. */
export function accessFor(effects: readonly Effect[]): Access[] {
  const questions = new Map<string, Access>();
  for (const { verb, object } of effects) {
    const resource = Object.values(RESOURCES).find(
      (candidate) => candidate.kind === object.kind && candidate.apiVersion === object.apiVersion,
    );
    if (!resource) continue;
    const group = object.apiVersion.includes('/') ? (object.apiVersion.split('/')[0] ?? '') : '';
    const question: Access = {
      verb: verb === 'exec' ? 'create' : verb,
      group,
      resource: resource.plural,
      ...(verb === 'exec' && { subresource: 'exec' }),
      ...(object.namespace !== undefined && { namespace: object.namespace }),
    };
    questions.set(Object.values(question).join(' '), question);
  }
  return [...questions.values()];
}

/** E140 for every permission that the plan needs and the user lacks, in that cluster, before anything is written. */
export async function checkAccess(
  cluster: ClusterReader,
  effects: readonly Effect[],
  options: ReadOptions,
): Promise<Finding[]> {
  const questions = accessFor(effects.filter((effect) => effect.object.side === cluster.side));
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

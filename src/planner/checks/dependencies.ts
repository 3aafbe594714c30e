import type { Finding } from '../../domain/finding.ts';
import type { Pod } from '../../kube/objects.ts';
import type { ReadOptions, Resource } from '../../kube/ports.ts';
import { RESOURCES } from '../../kube/resources.ts';
import type { Facts } from '../facts.ts';

/** A namespaced object that the pod cannot start without. */
export interface Dependency {
  readonly resource: Resource;
  readonly name: string;
  readonly usedBy: string;
}

interface ProjectedSource {
  configMap?: { name: string; optional?: boolean };
  secret?: { name: string; optional?: boolean };
}

/** What the pod refers to by name and needs in its namespace. Optional references are left out. Pure. */
export function dependenciesOf(pod: Pod): Dependency[] {
  const found = new Map<string, Dependency>();
  const add = (resource: Resource, name: string | undefined, usedBy: string, optional = false) => {
    if (name && !optional) found.set(`${resource.kind}/${name}`, { resource, name, usedBy });
  };
  for (const volume of pod.spec.volumes ?? []) {
    const usedBy = `volume ${volume.name}`;
    const configMap = volume['configMap'] as { name?: string; optional?: boolean } | undefined;
    const secret = volume['secret'] as { secretName?: string; optional?: boolean } | undefined;
    const projected = volume['projected'] as { sources?: ProjectedSource[] } | undefined;
    add(RESOURCES.configMap, configMap?.name, usedBy, configMap?.optional);
    add(RESOURCES.secret, secret?.secretName, usedBy, secret?.optional);
    for (const source of projected?.sources ?? []) {
      add(RESOURCES.configMap, source.configMap?.name, usedBy, source.configMap?.optional);
      add(RESOURCES.secret, source.secret?.name, usedBy, source.secret?.optional);
    }
  }
  for (const container of pod.spec.containers) {
    const usedBy = `environment of container ${container.name}`;
    for (const { valueFrom } of container.env ?? []) {
      add(RESOURCES.configMap, valueFrom?.configMapKeyRef?.name, usedBy, valueFrom?.configMapKeyRef?.optional);
      add(RESOURCES.secret, valueFrom?.secretKeyRef?.name, usedBy, valueFrom?.secretKeyRef?.optional);
    }
    for (const from of container.envFrom ?? []) {
      add(RESOURCES.configMap, from.configMapRef?.name, usedBy, from.configMapRef?.optional);
      add(RESOURCES.secret, from.secretRef?.name, usedBy, from.secretRef?.optional);
    }
  }
  for (const secret of pod.spec.imagePullSecrets ?? []) add(RESOURCES.secret, secret.name, 'imagePullSecrets');
  add(RESOURCES.serviceAccount, pod.spec.serviceAccountName, 'serviceAccountName');
  return [...found.values()];
}

/** What belongs to one object of one cluster, within the metadata alone: keys of data may have the same names. */
const WITHOUT_PLACE = `sed -E '/^metadata:/,$ {/^  (namespace|resourceVersion|uid|creationTimestamp):/d}'`;

/** Findings E110, one for each dependency that the target namespace lacks, all of them at once. */
export async function checkDependencies(
  pod: Pod,
  { source, target, request }: Pick<Facts, 'source' | 'target' | 'request'>,
  options: ReadOptions,
): Promise<Finding[]> {
  const namespace = request.targetNamespace;
  const checked = await Promise.all(
    dependenciesOf(pod).map(async (dependency) => ({
      dependency,
      found: await target.get(dependency.resource, dependency.name, { ...options, namespace }),
    })),
  );
  return checked
    .filter(({ found }) => found === undefined)
    .map(({ dependency: { resource, name, usedBy } }) => {
      const get = `kubectl --context ${source.context} -n ${request.namespace} get ${resource.kind.toLowerCase()} ${name} -o yaml`;
      const create = `kubectl --context ${target.context} -n ${namespace} create -f -`;
      return {
        code: 'E110',
        severity: 'error',
        what: `${resource.kind} ${namespace}/${name} is missing in ${target.context} (used by ${usedBy})`,
        why: 'the target pod could not start',
        remedy: `create it there, for example: ${get} | ${WITHOUT_PLACE} | ${create}`,
      };
    });
}

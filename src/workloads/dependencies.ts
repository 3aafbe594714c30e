import { createHash } from 'node:crypto';
import type { KubeObject, Pod } from '../kube/objects.ts';
import { type Difference, differences, portable } from '../kube/portable-object.ts';
import type { Resource } from '../kube/ports.ts';
import { RESOURCES, ROOT_CA_CONFIG_MAP } from '../kube/resources.ts';

/** A namespaced object that the pod refers to by name. */
export interface Dependency {
  readonly resource: Resource;
  readonly name: string;
  readonly usedBy: string;
  /** The pod starts without it. */
  readonly optional: boolean;
}

interface ProjectedSource {
  configMap?: { name: string; optional?: boolean };
  secret?: { name: string; optional?: boolean };
}

type Add = (resource: Resource, name: string | undefined, usedBy: string, optional?: boolean) => void;

/** What the pod refers to by name in its namespace; optional only where every reference is. Pure. */
export function dependenciesOf(pod: Pod): Dependency[] {
  const found = new Map<string, Dependency>();
  const add: Add = (resource, name, usedBy, optional = false) => {
    if (!name) return;
    const key = `${resource.kind}/${name}`;
    const before = found.get(key);
    if (!before || (before.optional && !optional)) found.set(key, { resource, name, usedBy, optional });
  };
  addVolumes(pod, add);
  addEnvironment(pod, add);
  for (const secret of pod.spec.imagePullSecrets ?? []) add(RESOURCES.secret, secret.name, 'imagePullSecrets');
  add(RESOURCES.serviceAccount, pod.spec.serviceAccountName, 'serviceAccountName');
  return [...found.values()];
}

function addVolumes(pod: Pod, add: Add): void {
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
}

function addEnvironment(pod: Pod, add: Add): void {
  for (const container of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]) {
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
}

/** Objects that every namespace has of its own, with content that is right only there. */
export function isOfEachNamespace({ resource, name }: Dependency): boolean {
  return (
    (resource.kind === 'ConfigMap' && name === ROOT_CA_CONFIG_MAP) ||
    (resource.kind === 'ServiceAccount' && name === 'default')
  );
}

/** Whether a copy would mean nothing in another cluster: a token that the source's API server has signed. Pure. */
export function isBoundToken(object: KubeObject): boolean {
  return object['type'] === 'kubernetes.io/service-account-token';
}

/** An object that the pod needs, as it is made in another namespace or cluster. Pure. */
export function copyOf<T extends KubeObject>(object: T, namespace: string): T {
  // Tokens of the source cluster, by name.
  const { secrets: _tokens, ...rest } = object;
  return portable(object.kind === 'ServiceAccount' ? (rest as T) : object, namespace);
}

/** Says the same for the same content wherever it is, and nothing about the content: SHA-256, in hex. Pure. */
export function digestOf(object: KubeObject): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(copyOf(object, ''))))
    .digest('hex');
}

/** Where two objects of one name differ; the values of Secrets as the beginning of a digest. Pure. */
export function differingFields(source: KubeObject, target: KubeObject): Difference[] {
  const found = differences(copyOf(source, ''), copyOf(target, ''));
  if (source.kind !== 'Secret') return found;
  return found.map(({ field, source: here, target: there }) => ({
    field,
    source: hidden(here),
    target: hidden(there),
  }));
}

function hidden(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const digest = createHash('sha256')
    .update(JSON.stringify(sorted(value)))
    .digest('hex');
  return `sha256:${digest.slice(0, 12)}`;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, part]) => [key, sorted(part)]));
}

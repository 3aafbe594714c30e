import { isDeepStrictEqual } from 'node:util';
import type { Pod } from '../../src/kube/objects.ts';
import { controllerOf, matchesSelector, type OwnerObject } from '../../src/kube/owner-objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import type { FakeCluster } from './fake-cluster.ts';

/** What the controllers of a cluster share. */
export interface Controllers {
  readonly cluster: FakeCluster;
  /** A name that nothing has yet: `web-5d4-k3`. */
  readonly newName: (prefix: string) => string;
}

/** The pods that an owner counts, after it has adopted those of nobody's that match and let go of those that do not. */
export function claim({ cluster }: Controllers, owner: OwnerObject, may: (pod: Pod) => boolean = () => true): Pod[] {
  const { namespace, uid } = owner.metadata;
  const active = (cluster.all(RESOURCES.pod, namespace) as Pod[]).filter(
    ({ metadata, status }) =>
      !metadata.deletionTimestamp && status?.phase !== 'Succeeded' && status?.phase !== 'Failed',
  );
  return active.filter((pod) => {
    const matches = may(pod) && matchesSelector(owner.spec.selector, pod.metadata.labels);
    const controller = controllerOf(pod);
    if (controller && controller.uid !== uid) return false;
    if (matches === (controller !== undefined)) return matches;
    cluster.change<Pod>(RESOURCES.pod, namespace, pod.metadata.name, ({ metadata }) => {
      if (matches) metadata.ownerReferences = [referenceTo(owner)];
      else delete metadata.ownerReferences;
    });
    return matches;
  });
}

export function referenceTo({ apiVersion, kind, metadata: { name, uid = '' } }: OwnerObject) {
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** A pod of a template. Refused, as by the ServiceAccount admission plugin, when it names an account that is not there. */
export function makePod(
  { cluster }: Controllers,
  owner: OwnerObject,
  name: string,
  labels: Record<string, string>,
): boolean {
  const { namespace } = owner.metadata;
  const { template } = owner.spec;
  const account = template.spec.serviceAccountName ?? 'default';
  if (account !== 'default' && !cluster.peek(RESOURCES.serviceAccount, namespace, account)) return false;
  const metadata = {
    ...template.metadata,
    name,
    ...(namespace !== undefined && { namespace }),
    labels: { ...template.metadata?.labels, ...labels },
    ownerReferences: [referenceTo(owner)],
  };
  cluster.seed<Pod>(RESOURCES.pod, { apiVersion: 'v1', kind: 'Pod', metadata, spec: structuredClone(template.spec) });
  return true;
}

/** Deletes a pod as a controller does: with its own grace period, which a stopped tree waits out. */
export function endPod({ cluster }: Controllers, pod: Pod): void {
  cluster.terminate(RESOURCES.pod, pod.metadata.namespace, pod.metadata.name);
}

/** Writes a status that has changed. */
export function report({ cluster }: Controllers, owner: OwnerObject, status: NonNullable<OwnerObject['status']>): void {
  const { namespace, name, generation } = owner.metadata;
  const resource = Object.values(RESOURCES).find(({ kind }) => kind === owner.kind);
  if (!resource) return;
  const next = { ...(generation !== undefined && { observedGeneration: generation }), ...status };
  if (isDeepStrictEqual(cluster.peek<OwnerObject>(resource, namespace, name)?.status, next)) return;
  cluster.change<OwnerObject>(resource, namespace, name, (object) => {
    object.status = next;
  });
}

export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
}

/** A short name for what a template says. */
export function hashOf(template: OwnerObject['spec']['template']): string {
  let hash = 5381;
  for (const letter of JSON.stringify(template)) hash = ((hash * 33) ^ letter.charCodeAt(0)) >>> 0;
  return hash.toString(16);
}

import { isDeepStrictEqual } from 'node:util';
import { controllerOf, matchesSelector, type OwnerObject } from '../../src/kube/owner-objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { type Controllers, hashOf, referenceTo, report } from './fake-controllers.ts';

const HASH = 'pod-template-hash';
const REVISION = 'deployment.kubernetes.io/revision';

/**
 * Keeps the ReplicaSet whose template is the Deployment's, and scales it; makes one unless it is paused. A rollout is not
 * gradual here: the new one gets all replicas at once, the others none.
 */
export function syncDeployment(controllers: Controllers, deployment: OwnerObject): void {
  const { cluster } = controllers;
  const { namespace, uid } = deployment.metadata;
  const sets = (cluster.all(RESOURCES.replicaSet, namespace) as OwnerObject[])
    .filter((set) => controllerOf(set)?.uid === uid || isOrphanOf(set, deployment))
    .toSorted((a, b) => revisionOf(a) - revisionOf(b));
  for (const set of sets) if (!controllerOf(set)) adopt(controllers, deployment, set);
  const current = sets.find((set) => sameTemplate(set, deployment));
  if (deployment.spec.paused) scalePaused(controllers, deployment, sets, current);
  else if (current) scale(controllers, deployment, sets, current);
  else make(controllers, deployment, sets);
  const replicas = (of: readonly OwnerObject[]) => of.reduce((sum, set) => sum + (set.status?.replicas ?? 0), 0);
  const ready = sets.reduce((sum, set) => sum + (set.status?.readyReplicas ?? 0), 0);
  const counts = {
    replicas: replicas(sets),
    updatedReplicas: replicas(current ? [current] : []),
    readyReplicas: ready,
  };
  report(controllers, deployment, counts);
}

function isOrphanOf(set: OwnerObject, { spec }: OwnerObject): boolean {
  return controllerOf(set) === undefined && matchesSelector(spec.selector, set.metadata.labels);
}

function revisionOf({ metadata }: OwnerObject): number {
  return Number(metadata.annotations?.[REVISION] ?? 0);
}

function sameTemplate(set: OwnerObject, deployment: OwnerObject): boolean {
  const { [HASH]: _hash, ...labels } = set.spec.template.metadata?.labels ?? {};
  const metadata = { ...set.spec.template.metadata, labels };
  return isDeepStrictEqual({ ...set.spec.template, metadata }, deployment.spec.template);
}

function adopt({ cluster }: Controllers, deployment: OwnerObject, set: OwnerObject): void {
  cluster.change<OwnerObject>(RESOURCES.replicaSet, set.metadata.namespace, set.metadata.name, ({ metadata }) => {
    metadata.ownerReferences = [referenceTo(deployment)];
  });
}

/** A paused Deployment scales the one ReplicaSet that has pods, or else the current one, or else the newest. */
function scalePaused(
  controllers: Controllers,
  deployment: OwnerObject,
  sets: readonly OwnerObject[],
  current: OwnerObject | undefined,
): void {
  const active = sets.filter((set) => (set.spec.replicas ?? 1) > 0);
  const chosen = active.length === 0 ? (current ?? sets.at(-1)) : active.length === 1 ? active[0] : undefined;
  if (chosen) setReplicas(controllers, chosen, deployment.spec.replicas ?? 1);
}

function scale(controllers: Controllers, deployment: OwnerObject, sets: readonly OwnerObject[], current: OwnerObject) {
  setRevision(controllers, deployment, revisionOf(current));
  for (const set of sets) setReplicas(controllers, set, set === current ? (deployment.spec.replicas ?? 1) : 0);
}

function make(controllers: Controllers, deployment: OwnerObject, sets: readonly OwnerObject[]): void {
  const { spec, metadata } = deployment;
  const hash = hashOf(spec.template);
  const labels = { ...spec.template.metadata?.labels, [HASH]: hash };
  const revision = Math.max(0, ...sets.map(revisionOf)) + 1;
  controllers.cluster.seed<OwnerObject>(RESOURCES.replicaSet, {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${metadata.name}-${hash}`,
      ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
      labels,
      annotations: { ...metadata.annotations, [REVISION]: String(revision) },
      ownerReferences: [referenceTo(deployment)],
    },
    spec: {
      replicas: spec.replicas ?? 1,
      selector: { ...spec.selector, matchLabels: { ...spec.selector.matchLabels, [HASH]: hash } },
      template: { ...structuredClone(spec.template), metadata: { ...spec.template.metadata, labels } },
    },
  });
  setRevision(controllers, deployment, revision);
  for (const set of sets) setReplicas(controllers, set, 0);
}

function setReplicas({ cluster }: Controllers, { metadata: { namespace, name } }: OwnerObject, replicas: number): void {
  cluster.change<OwnerObject>(RESOURCES.replicaSet, namespace, name, ({ spec }) => {
    spec.replicas = replicas;
  });
}

function setRevision({ cluster }: Controllers, { metadata: { namespace, name } }: OwnerObject, revision: number): void {
  cluster.change<OwnerObject>(RESOURCES.deployment, namespace, name, ({ metadata }) => {
    metadata.annotations = { ...metadata.annotations, [REVISION]: String(revision) };
  });
}

import type { KubeObject } from '../../src/kube/objects.ts';
import type { OwnerObject } from '../../src/kube/owner-objects.ts';
import type { Resource } from '../../src/kube/ports.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import type { FakeCluster } from './fake-cluster.ts';
import type { Controllers } from './fake-controllers.ts';
import { syncDeployment } from './fake-deployments.ts';
import { syncReplicaSet } from './fake-replica-sets.ts';
import { syncStatefulSet } from './fake-stateful-sets.ts';

/** A controller of one kind: looks at one owner as it knows it and does one round of what is missing. */
type Sync = (controllers: Controllers, owner: OwnerObject) => void;

const SYNCS: Readonly<Record<string, readonly [Resource, Sync]>> = {
  Deployment: [RESOURCES.deployment, syncDeployment],
  ReplicaSet: [RESOURCES.replicaSet, syncReplicaSet],
  StatefulSet: [RESOURCES.statefulSet, syncStatefulSet],
};

type Later = (act: () => void) => void;

/** Pods move, and no cluster makes one of a name that another has given away. */
let serial = 0;

/**
 * The Deployment, ReplicaSet and StatefulSet controllers and the garbage collector. As the real ones they see pods at
 * once and a change of an owner a moment later, because the two come by different watches: whoever relies on the order
 * of two writes without waiting for `observedGeneration` is found out. `later` says how much later; a clock that goes by
 * itself leaves no time for more than a microtask.
 */
export function runWorkloadControllers(cluster: FakeCluster, later: Later = setImmediate): void {
  const controllers: Controllers = {
    cluster,
    newName: (prefix) => {
      serial += 1;
      return `${prefix}-k${serial}`;
    },
  };
  /** Owners as the controllers know them, by uid. */
  const known = new Map<string, OwnerObject>();
  const sync = (uid: string | undefined): void => {
    const owner = known.get(uid ?? '');
    if (!owner) return;
    const [resource, act] = SYNCS[owner.kind] ?? [];
    const { namespace, name } = owner.metadata;
    if (resource && cluster.peek(resource, namespace, name)?.metadata.uid === uid) act?.(controllers, owner);
  };
  const learn = (owner: OwnerObject): void => {
    known.set(owner.metadata.uid ?? '', owner);
    for (const each of known.values()) {
      if (each.metadata.namespace === owner.metadata.namespace) sync(each.metadata.uid);
    }
  };
  cluster.onChange((type, object) => {
    const { uid = '', namespace } = object.metadata;
    if (type === 'DELETED') {
      known.delete(uid);
      collect(cluster, object);
    } else if (object.kind in SYNCS) {
      later(() => learn(object as OwnerObject));
      return;
    }
    if (object.kind !== 'Pod' && !(object.kind in SYNCS)) return;
    for (const owner of [...known.values()]) if (owner.metadata.namespace === namespace) sync(owner.metadata.uid);
  });
  for (const [resource] of Object.values(SYNCS)) for (const owner of cluster.all(resource)) learn(owner as OwnerObject);
}

/** The garbage collector: what an object owned goes with it. */
function collect(cluster: FakeCluster, { metadata: { uid, namespace } }: KubeObject): void {
  for (const resource of [RESOURCES.replicaSet, RESOURCES.pod]) {
    for (const { metadata } of cluster.all(resource, namespace)) {
      if (metadata.ownerReferences?.some((reference) => reference.uid === uid)) {
        cluster.remove(resource, namespace, metadata.name);
      }
    }
  }
}

import { MIGRATION_ANNOTATION, SYSTEM_NAMESPACE } from '../../src/domain/names.ts';
import type { MigrationRequest } from '../../src/domain/plan.ts';
import { helperPolicy, systemNamespace } from '../../src/engines/helper/helper-pod.ts';
import type { Pod } from '../../src/kube/objects.ts';
import type { OwnerObject } from '../../src/kube/owner-objects.ts';
import type { Resource } from '../../src/kube/ports.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { hashOf } from '../fakes/fake-controllers.ts';
import type { MemoryRegistry } from '../fakes/memory-registry.ts';
import { runWorkloadControllers } from '../fakes/workload-controllers.ts';
import { BY_KUBELET, clustersWithCheckpoints } from '../fixtures/kubelet-move.ts';
import { runningPod, service } from '../fixtures/objects.ts';
import { type OneWorld, oneCluster } from '../fixtures/one-cluster.ts';
import { deployment, statefulSet } from '../fixtures/owners.ts';
import { type Clusters, twoClusters } from '../fixtures/two-clusters.ts';

/** What is moved, from where, and what is asked for. */
export interface Scene {
  readonly clusters: Clusters;
  readonly request: Partial<MigrationRequest>;
  /** Where a checkpoint goes through. */
  readonly registry?: MemoryRegistry;
}

/** The value of a variable of programs that are moved, and of a header that kubelet sends to some of them. */
export const SECRET_WORDS = 'correct horse battery staple';
const PROBE = { httpGet: { path: '/', port: 80, httpHeaders: [{ name: 'Authorization', value: SECRET_WORDS }] } };
const VARIABLES = { env: [{ name: 'PASSWORD', value: SECRET_WORDS }] };
const VALUES = { ...VARIABLES, ...{ readinessProbe: PROBE, startupProbe: PROBE } };

type Scenes = Readonly<Record<string, () => Promise<Scene>>>;

/** To another cluster, by the helper engine. */
export const BETWEEN: Scenes = {
  'a pod with a service': between(() => twoClusters(withService())),
  'a pod that nobody calls': between(() => twoClusters({ pod: runningPod({ container: VALUES }) })),
  'a pod of a Deployment': between(() =>
    owned(RESOURCES.deployment, withVariables(deployment()), (hash) => ({ 'pod-template-hash': hash })),
  ),
  'a pod of a Deployment that the target has too': between(() => {
    const clusters = owned(RESOURCES.deployment, deployment(), (hash) => ({ 'pod-template-hash': hash }));
    clusters.west.seed(RESOURCES.deployment, deployment());
    return clusters;
  }),
  'a pod of a StatefulSet': between(() =>
    owned(RESOURCES.statefulSet, withVariables(statefulSet()), (hash) => ({
      'controller-revision-hash': `cart-${hash}`,
    })),
  ),
  'a pod with what it refers to': between(referring, { copyDependencies: true, overwrite: ['settings'] }),
};

/** To another cluster, by the kubelet engine; it takes no pod that somebody owns. */
const THROUGH_REGISTRY: Scenes = {
  'a pod with a service, by kubelet': byKubelet(() => clustersWithCheckpoints(withService())),
  'a pod that nobody calls, by kubelet': byKubelet(() => clustersWithCheckpoints({ services: [] })),
};

/** To another node. */
export const WITHIN: Scenes = {
  'a pod of a Deployment, to another node': within({ owner: withVariables(deployment()) }),
  'a pod of a StatefulSet, to another node': within({ owner: withVariables(statefulSet()) }),
  'a pod of a StatefulSet that ends on its own node': cannotLand(within({ owner: statefulSet() })),
  'a bare pod that keeps its name, to another node': within({ pod: runningPod({ container: VALUES }) }),
  'a bare pod that gets another name, to another node': within({ pod: runningPod() }, { targetName: 'cart-x' }),
};

/** Those whose source can be kept stopped after the commit: no name is freed, no ReplicaSet gives up the source pod. */
export const HOLDABLE: Scenes = {
  ...BETWEEN,
  ...THROUGH_REGISTRY,
  ...only(WITHIN, 'a bare pod that gets another name, to another node'),
};

/** There is a namespace for helpers and records already, and somebody keeps a Secret of his own in it. */
export const WITH_HELPERS_PLACE = 'a pod that nobody calls, where there were moves before';

/** Every move there is. Each of them goes through the whole matrix. */
export const MOVES: Scenes = {
  ...BETWEEN,
  ...THROUGH_REGISTRY,
  ...WITHIN,
  [WITH_HELPERS_PLACE]: between(() => withHelpersPlace(twoClusters({ pod: runningPod({ container: VARIABLES }) }))),
  ...Object.fromEntries(Object.entries(HOLDABLE).map(([kind, make]) => [`${kind}, held`, held(make)])),
};

/** As a person writes it who applies it: with the whole of it in an annotation. */
function withVariables(owner: OwnerObject): OwnerObject {
  const [container] = owner.spec.template.spec.containers;
  if (!container) throw new Error('an owner without a container');
  const spec = { ...owner.spec.template.spec, containers: [{ ...container, ...VARIABLES }] };
  const applied = { ...owner, spec: { ...owner.spec, template: { ...owner.spec.template, spec } } };
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(applied) };
  return { ...applied, metadata: { ...applied.metadata, annotations } };
}

function only(scenes: Scenes, kind: string): Scenes {
  return Object.fromEntries(Object.entries(scenes).filter(([name]) => name === kind));
}

function withService() {
  return { services: [service('cart')], siblings: [runningPod({ name: 'cart-1' })] };
}

function between(make: () => Clusters, request: Partial<MigrationRequest> = {}) {
  return async (): Promise<Scene> => ({ clusters: make(), request });
}

/** The target lacks the one ConfigMap, and has another one of the name of the other, which an earlier move made. */
function referring(): Clusters {
  const [made, overwritten] = ['flags', 'settings'];
  const spec = { volumes: [made, overwritten].map((name) => ({ name, configMap: { name } })) };
  const clusters = twoClusters({ pod: runningPod({ spec }) });
  const configMap = (name: string, data: object, annotations: Record<string, string> = {}) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'shop', annotations },
    data,
  });
  clusters.east.seed(RESOURCES.configMap, configMap(made, { on: 'a,b' }));
  clusters.east.seed(
    RESOURCES.configMap,
    configMap(overwritten, { mode: 'fast', size: '3' }, { 'example.org/a': 'e' }),
  );
  const marks = { [MIGRATION_ANNOTATION]: 'm-earlier', 'example.org/a': 'w' };
  clusters.west.seed(RESOURCES.configMap, configMap(overwritten, { mode: 'slow', only: 'here' }, marks));
  return clusters;
}

function withHelpersPlace(clusters: Clusters): Clusters {
  for (const cluster of [clusters.east, clusters.west]) {
    cluster.seed(RESOURCES.namespace, systemNamespace(SYSTEM_NAMESPACE));
    cluster.seed(RESOURCES.networkPolicy, helperPolicy(SYSTEM_NAMESPACE));
    const metadata = { name: 'pull', namespace: SYSTEM_NAMESPACE };
    cluster.seed(RESOURCES.secret, { apiVersion: 'v1', kind: 'Secret', metadata, data: { a: 'YQ==' } });
  }
  return clusters;
}

function byKubelet(make: () => ReturnType<typeof clustersWithCheckpoints>) {
  return async (): Promise<Scene> => {
    const clusters = make();
    return { clusters, request: BY_KUBELET, registry: clusters.registry };
  };
}

/** A Service leads to the pod; of an owner’s pod the controller has chosen the name. */
function within(world: OneWorld, request: Partial<MigrationRequest> = {}) {
  return async (): Promise<Scene> => {
    const clusters = await oneCluster({ ...world, services: [service('cart')] });
    const [pod] = clusters.east.all(RESOURCES.pod, 'shop') as Pod[];
    return { clusters, request: { pod: pod?.metadata.name ?? '', ...request } };
  };
}

/** In the rehearsal it can be restored on the target’s node, and once its name is free it cannot. */
function cannotLand(make: () => Promise<Scene>) {
  return async (): Promise<Scene> => {
    const scene = await make();
    const { target } = scene.clusters.helpers;
    const { on } = target;
    target.on = (op) => {
      on(op);
      if (op !== 'carry-files') return;
      target.fail.set('restore', { code: 'criu-refused-restore', summary: 'made to fail', detail: '' });
    };
    return scene;
  };
}

function held(make: () => Promise<Scene>) {
  return async (): Promise<Scene> => {
    const scene = await make();
    return { ...scene, request: { ...scene.request, hold: 3_600_000 } };
  };
}

/** The pod in the hands of an owner, whose controllers are at work in both clusters. */
function owned(resource: Resource, owner: OwnerObject, labels: (hash: string) => Record<string, string>): Clusters {
  const [container = {}] = owner.spec.template.spec.containers;
  const pod = runningPod({
    metadata: { labels: { app: 'cart', ...labels(hashOf(owner.spec.template)) } },
    container: { ...container, image: 'registry.example/cart:1' },
  });
  const clusters = twoClusters({ pod });
  for (const cluster of [clusters.east, clusters.west]) runWorkloadControllers(cluster, queueMicrotask);
  clusters.east.seed(resource, owner);
  return clusters;
}

import type { Effect, Verb } from '../../src/domain/effect.ts';
import { DEFAULT_DEADLINES, type Plan } from '../../src/domain/plan.ts';
import type { ObjectRef, Side } from '../../src/domain/refs.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { createReader } from '../../src/kube/client.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { createGateway } from '../../src/kube/gateway.ts';
import type { KubeObject, Pod } from '../../src/kube/objects.ts';
import type { OwnerObject } from '../../src/kube/owner-objects.ts';
import { condition } from '../../src/kube/pod-status.ts';
import type { Resource, Verdict } from '../../src/kube/ports.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import {
  type BoundWorkload,
  detectWorkload,
  targetNameOf,
  withoutWithheld,
  workloadOf,
} from '../../src/workloads/index.ts';
import { originalPod } from '../../src/workloads/original-pod.ts';
import { readOwners } from '../../src/workloads/owner-facts.ts';
import type { WorkloadContext } from '../../src/workloads/workload.ts';

export type Place = 'east' | 'west';

/** Two clusters with their controllers and kubelets, and a namespace of the same name in both, there and empty. */
export interface WorkloadWorld {
  readonly namespace: string;
  /** An image that runs until it is told to stop. */
  readonly image: string;
  api(place: Place, side: Side): ApiClient;
  close(): Promise<void>;
}

const KINDS = [RESOURCES.deployment, RESOURCES.statefulSet, RESOURCES.replicaSet, RESOURCES.pod] as const;

/** What a person does to the world beside the move. */
export class Hands {
  readonly #world: WorkloadWorld;

  constructor(world: WorkloadWorld) {
    this.#world = world;
  }

  reader(place: Place) {
    return createReader(this.#world.api(place, 'source'), systemClock);
  }

  #gateway(place: Place, resource: Resource, name: string) {
    const api = this.#world.api(place, 'source');
    const { namespace } = this.#world;
    const { apiVersion, kind } = resource;
    const object = { side: 'source', apiVersion, kind, namespace, name, resource } as const;
    const verbs: Verb[] = ['create', 'patch', 'delete'];
    const effects = verbs.map((verb): Effect => ({ step: 'hands', phase: 'prepare', verb, object, detail: '' }));
    return { gateway: createGateway({ source: api, target: api, effects, clock: systemClock }), object };
  }

  async make(place: Place, resource: Resource, object: KubeObject): Promise<void> {
    const { gateway } = this.#gateway(place, resource, object.metadata.name);
    await gateway.create('source', resource, object);
  }

  async change(
    place: Place,
    resource: Resource,
    name: string,
    body: { [field: string]: never } | object,
  ): Promise<void> {
    const { gateway, object } = this.#gateway(place, resource, name);
    await gateway.patch(object, 'merge', body as never);
  }

  async remove(place: Place, resource: Resource, name: string): Promise<void> {
    const { gateway, object } = this.#gateway(place, resource, name);
    await gateway.delete(object, { gracePeriodSeconds: 0 });
  }

  /** The pods of an owner that are there to stay. */
  async pods(place: Place, of: string): Promise<Pod[]> {
    const pods = await this.#podsOf(place, of);
    return pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  /** Waits until a pod's name is free again. */
  async gone(place: Place, name: string): Promise<void> {
    const check = (pod: Pod | undefined): Verdict => (pod ? { done: false, why: 'still there' } : { done: true });
    const options = { name: `pod ${name} to be gone`, deadlineMs: 60_000, flag: '--none' };
    await this.reader(place).waitFor<Pod>(RESOURCES.pod, { namespace: this.#world.namespace, name }, check, options);
  }

  #podsOf(place: Place, of: string): Promise<Pod[]> {
    const { namespace } = this.#world;
    return this.reader(place).list<Pod>(RESOURCES.pod, { namespace, labelSelector: `app=${of}` });
  }

  /** Waits until an owner's controller has seen it. */
  async seen(place: Place, resource: Resource, of: string): Promise<void> {
    const { namespace } = this.#world;
    const check = (owner: OwnerObject | undefined): Verdict =>
      owner?.status?.observedGeneration === owner?.metadata.generation
        ? { done: true }
        : { done: false, why: 'unseen' };
    const options = { name: `${of} to be seen`, deadlineMs: 30_000, flag: '--none' };
    await this.reader(place).waitFor<OwnerObject>(resource, { namespace, name: of }, check, options);
  }

  /** Waits until so many pods of an owner are there and Ready, and no others. */
  async settled(place: Place, of: string, count: number): Promise<Pod[]> {
    for (const deadline = Date.now() + 60_000; ; ) {
      const pods = await this.#podsOf(place, of);
      if (pods.length === count && pods.every((pod) => condition(pod, 'Ready').met)) return pods;
      if (Date.now() > deadline) throw new Error(`${pods.length} pods instead of ${count} in ${place} after a minute`);
      await systemClock.sleep(50);
    }
  }

  /** An owner and all that it has, without what any write of a controller changes. */
  async contents(place: Place, of: string): Promise<KubeObject[]> {
    const { namespace } = this.#world;
    const lists = await Promise.all(KINDS.map((kind) => this.reader(place).list(kind, { namespace })));
    const own = lists.flat().filter(({ metadata }) => metadata.name.startsWith(of));
    return own.map(({ status: _status, ...object }) => {
      const {
        resourceVersion: _version,
        generation: _generation,
        managedFields: _fields,
        ...metadata
      } = object.metadata;
      return { ...object, metadata } as KubeObject;
    });
  }

  /** Names of every pod of an owner that comes into being from now on, until `stop`. It may be without labels at first. */
  async newcomers(place: Place, of: string): Promise<{ stop(): Promise<string[]> }> {
    const api = this.#world.api(place, 'source');
    const { namespace } = this.#world;
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const list = (await api.request({ method: 'GET', path })) as { metadata: { resourceVersion: string } };
    const end = new AbortController();
    const { resourceVersion } = list.metadata;
    const query = { watch: 'true', resourceVersion, timeoutSeconds: '120' };
    const names: string[] = [];
    const watching = (async () => {
      for await (const event of api.watch({ method: 'GET', path, query, signal: end.signal, timeoutMs: 120_000 })) {
        const { name } = (event.object as KubeObject).metadata;
        if (event.type === 'ADDED' && name.startsWith(`${of}-`)) names.push(name);
      }
    })().catch((error: unknown) => {
      if (!end.signal.aborted) throw error;
    });
    return {
      stop: async () => {
        // What a controller would still do, it does within a moment.
        await systemClock.sleep(500);
        end.abort();
        await watching;
        return names;
      },
    };
  }
}

/** A move as far as its owner sees it: nothing is frozen or restored, the target pod is an ordinary one. */
export interface Handover {
  readonly workload: BoundWorkload;
  readonly context: WorkloadContext;
  /** Makes the target pod as the placeholder is made, and waits until it is Ready. */
  makeTargetPod(): Promise<Pod>;
}

/** Plans the hand-over of a pod. Throws the findings when it is declined. */
export async function handover(
  world: WorkloadWorld,
  name: string,
  from: Place,
  to: Place,
  overwrite: string[] = [],
): Promise<Handover> {
  const { namespace } = world;
  const apis = { source: world.api(from, 'source'), target: world.api(to, 'target') };
  const source = createReader(apis.source, systemClock);
  const target = createReader(apis.target, systemClock);
  const pod = await source.get<Pod>(RESOURCES.pod, name, { namespace });
  if (!pod) throw new Error(`no pod ${name} in ${from}`);
  const namespaces = { source: namespace, target: namespace };
  const detection = detectWorkload(
    await readOwners(
      pod,
      {
        source,
        target,
        namespaces,
        sameCluster: from === to,
        renamed: false,
        ignoreManagers: false,
        overwrite,
      },
      {},
    ),
  );
  if ('declined' in detection)
    throw new Error(detection.declined.map(({ code, what }) => `${code} ${what}`).join('\n'));
  const id = `m-${from}-${to}`;
  const targetName = targetNameOf(detection.usable, { pod: name, asked: undefined, migration: id });
  const plan = {
    id,
    source: { context: from, namespace, pod: name, uid: pod.metadata.uid ?? '' },
    target: { context: to, namespace, pod: targetName },
    workload: detection.usable,
    deadlines: DEFAULT_DEADLINES,
  } as unknown as Plan;
  const workload = workloadOf(plan);
  const there = podRef('target', namespace, targetName);
  const here = podRef('source', namespace, name);
  const own = (verb: Verb, object: ObjectRef): Effect => ({
    step: 'pod',
    phase: 'prepare',
    verb,
    object,
    detail: '',
  });
  const effects = [...workload.effects(plan), own('create', there), own('delete', here)];
  const gateway = createGateway({ ...apis, effects, clock: systemClock });
  const signal = new AbortController().signal;
  const context = { plan, source, target, gateway, signal, waiting: () => undefined };
  return {
    workload,
    context,
    makeTargetPod: async () => {
      const { metadata, spec } = withoutWithheld(originalPod(pod), plan.workload, targetName);
      const { annotations = {}, labels = {} } = metadata;
      const made = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: targetName, namespace, labels, annotations },
        spec,
      };
      await gateway.create<Pod>('target', RESOURCES.pod, made);
      const ready = (seen: Pod | undefined): Verdict =>
        seen && condition(seen, 'Ready').met ? { done: true } : { done: false, why: 'not ready' };
      const options = { name: `pod ${targetName}`, deadlineMs: 60_000, flag: '--none' };
      const running = await target.waitFor<Pod>(RESOURCES.pod, { namespace, name: targetName }, ready, options);
      if (!running) throw new Error('a ready pod exists');
      return running;
    },
  };
}

function podRef(side: Side, namespace: string, name: string) {
  return { side, ...RESOURCES.pod, namespace, name, resource: RESOURCES.pod } as const;
}

/** The whole of it, as the steps do it. Yields the target pod as it was before its owner took it in. */
export async function carryOut(move: Handover): Promise<Pod> {
  const { workload, context } = move;
  await workload.capture(context);
  await workload.prepare(context);
  const pod = await move.makeTargetPod();
  await workload.check(context, null);
  await workload.giveUp(context);
  await workload.takeIn(context);
  await workload.finalize(context);
  return pod;
}

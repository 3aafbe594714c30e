import type { Clock } from '../../src/domain/clock.ts';
import type { Effect, Verb } from '../../src/domain/effect.ts';
import type { CheckpointStore } from '../../src/engines/kubelet/pushed-images.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { createReader } from '../../src/kube/client.ts';
import { createGateway } from '../../src/kube/gateway.ts';
import type { Container, Pod, PodSpec } from '../../src/kube/objects.ts';
import type { ClusterReader, Gateway, Verdict } from '../../src/kube/ports.ts';
import { RESOURCES } from '../../src/kube/resources.ts';

/** A cluster with kubelets, a namespace in it, and a registry that its nodes pull from. */
export interface KubeletWorld {
  readonly api: ApiClient;
  readonly clock: Clock;
  readonly namespace: string;
  readonly nodes: readonly [string, string];
  /** By digest, of a program that counts in its memory when it is asked to. */
  readonly image: string;
  /** A pod that runs it on the first node. */
  readonly counter: { readonly pod: string; readonly container: string };
  readonly store: CheckpointStore;
  /** Of the store, as nodes know it: HOST/REPOSITORY. */
  readonly repository: string;
  /** Has the program of a pod count, and yields the count. */
  count(pod: string): Promise<number>;
  /** Has `PROBE` succeed in a pod. */
  letSucceed(pod: string): Promise<void>;
  /** What lies at a path of the first node. */
  archive(path: string): Promise<Buffer>;
  close(): Promise<void>;
}

/** Fails until somebody lets it succeed. */
export const PROBE = { exec: { command: ['test', '-e', '/data/succeeds'] }, periodSeconds: 1 };

/** A container that does nothing for as long as the suite takes. */
export const idle = (image: string, name = 'main'): Container => ({ name, image, command: ['sleep', '3600'] });

const VERBS: readonly Verb[] = ['create', 'delete', 'checkpoint'];

/** What the suite does to a world. */
export class KubeletHands {
  readonly #world: KubeletWorld;
  readonly #reader: ClusterReader;

  constructor(world: KubeletWorld) {
    this.#world = world;
    this.#reader = createReader(world.api, world.clock);
  }

  async make(name: string, spec: PodSpec): Promise<void> {
    const { namespace } = this.#world;
    const whole = { terminationGracePeriodSeconds: 1, automountServiceAccountToken: false, ...spec };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec: whole };
    await this.#gateway('Pod', name).create<Pod>('source', RESOURCES.pod, pod);
  }

  async remove(name: string): Promise<void> {
    const { namespace } = this.#world;
    const object = { side: 'source', ...RESOURCES.pod, namespace, name, resource: RESOURCES.pod } as const;
    await this.#gateway('Pod', name).delete(object);
  }

  checkpoint(node: string, pod: string, container: string): Promise<string> {
    const { namespace } = this.#world;
    return this.#gateway('Node', node).checkpoint('source', { node, namespace, pod, container, timeoutMs: 60_000 });
  }

  /** Waits until a pod is as wanted, or gone where none is wanted. */
  async seen(name: string, wanted: (pod: Pod) => boolean): Promise<Pod> {
    const pod = await this.#wait(name, (found) => found !== undefined && wanted(found));
    if (!pod) throw new Error('it was there');
    return pod;
  }

  async gone(name: string): Promise<void> {
    await this.#wait(name, (found) => found === undefined);
  }

  #wait(name: string, isDone: (pod: Pod | undefined) => boolean): Promise<Pod | undefined> {
    const { namespace } = this.#world;
    const check = (pod: Pod | undefined): Verdict =>
      isDone(pod) ? { done: true } : { done: false, why: JSON.stringify(pod?.status ?? 'absent') };
    const options = { name: `pod ${name}`, deadlineMs: 60_000, flag: '--none' };
    return this.#reader.waitFor<Pod>(RESOURCES.pod, { namespace, name }, check, options);
  }

  #gateway(kind: 'Pod' | 'Node', name: string): Gateway {
    const { api, clock, namespace } = this.#world;
    const object = { side: 'source', apiVersion: 'v1', kind, name, ...(kind === 'Pod' && { namespace }) } as const;
    const effects = VERBS.map((verb): Effect => ({ step: 'hands', phase: 'prepare', verb, object, detail: '' }));
    return createGateway({ source: api, target: api, effects, clock });
  }
}

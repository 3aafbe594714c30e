import type { Clock } from '../../src/domain/clock.ts';
import type { CheckpointStore } from '../../src/engines/kubelet/pushed-images.ts';
import type { JournalSink } from '../../src/journal/ports.ts';
import type { ApiClient, ApiRequest } from '../../src/kube/api-client.ts';
import { type Asked, waitedFor } from '../fakes/fake-faults.ts';

/** Where a process is killed: before or after its n-th act, from 1. */
export interface Death {
  readonly act: number;
  readonly when: 'before' | 'after';
}

/** What becomes of a process. */
export interface Fate {
  readonly death?: Death | undefined;
  /** It falls asleep with its machine right after its n-th act, from 1. */
  readonly sleepAfter?: number;
  /** Its n-th act, from 1, is under way for a while. */
  readonly late?: Late | undefined;
}

/** What is carried out once `until` is over, whatever becomes of whoever asked for it; `told` is called when it was sent. */
interface Late {
  readonly act: number;
  readonly until: Promise<void>;
  readonly told: () => void;
}

/**
 * One process and its end. Everything that it does to the world goes through `act`; once it is dead nothing of it
 * reaches the world any more, and nothing from there reaches it. While it sleeps that waits until it wakes.
 */
export class Life {
  readonly #fate: Fate;
  readonly #onMoment: (label: string) => void;
  /** What it did, in order. */
  readonly acts: string[] = [];
  dead = false;
  #die: () => void = () => undefined;
  /** Resolves when it is killed. */
  readonly died: Promise<void>;
  #asleep: Promise<void> | undefined;
  #wake: () => void = () => undefined;
  #fallAsleep: () => void = () => undefined;
  /** Resolves when it has fallen asleep. */
  readonly slept: Promise<void>;

  constructor(onMoment: (label: string) => void, fate: Fate = {}) {
    this.#onMoment = onMoment;
    this.#fate = fate;
    this.died = new Promise((resolve) => {
      this.#die = resolve;
    });
    this.slept = new Promise((resolve) => {
      this.#fallAsleep = resolve;
    });
  }

  /** It goes on where it fell asleep, and knows of nothing that has happened since. */
  wake(): void {
    this.#asleep = undefined;
    this.#wake();
  }

  async act<T>(label: string, perform: () => Promise<T> | T): Promise<T> {
    await this.#asleep;
    if (this.dead) return await forever();
    this.acts.push(label);
    const number = this.acts.length;
    this.#onMoment(label);
    if (this.#isDue(number, 'before')) return await this.#end();
    try {
      const result = await perform();
      return this.dead ? await forever() : result;
    } finally {
      this.#onMoment(`${label}, done`);
      // An answer that says no is an answer too.
      if (this.#isDue(number, 'after')) await this.#end();
      if (this.#fate.sleepAfter === number) this.#sleep();
      await this.#asleep;
    }
  }

  /** Only looks: never the moment of a death, and silent afterwards. */
  async look<T>(perform: () => Promise<T>): Promise<T> {
    await this.#asleep;
    if (this.dead) return await forever();
    const result = await perform();
    await this.#asleep;
    return this.dead ? await forever() : result;
  }

  /** Asks a server for the act that begins right now. */
  async ask<A extends Asked, T>(asked: A, perform: (asked: A) => Promise<T>): Promise<T> {
    const { late } = this.#fate;
    if (late?.act !== this.acts.length) return await perform(asked);
    queueMicrotask(late.told);
    return await waitedFor(
      asked,
      late.until.then(() => perform({ ...asked, signal: undefined })),
    );
  }

  #isDue(number: number, when: Death['when']): boolean {
    return this.#fate.death?.act === number && this.#fate.death.when === when;
  }

  #sleep(): void {
    this.#asleep = new Promise((resolve) => {
      this.#wake = resolve;
    });
    this.#fallAsleep();
  }

  #end(): Promise<never> {
    this.dead = true;
    this.#die();
    return forever();
  }
}

function forever(): Promise<never> {
  return new Promise(() => undefined);
}

/** The API of a cluster as a process uses it while it lives. */
export function apiOf(life: Life, api: ApiClient): ApiClient {
  return {
    ...api,
    request: (request) => {
      if (!isChange(request)) return life.look(() => api.request(request));
      return life.act(labelOf(request, api.context), () => life.ask(request, (asked) => api.request(asked)));
    },
    watch: (request) => api.watch(request),
    exec: (request) => life.look(() => api.exec(request)),
  };
}

/** Time as a process passes it. */
export function clockOf(life: Life, clock: Clock): Clock {
  return {
    now: () => clock.now(),
    random: () => clock.random(),
    sleep: (ms, signal) => life.look(() => clock.sleep(ms, signal)),
  };
}

/** A registry as a process uses it. */
export function registryOf(life: Life, registry: CheckpointStore): CheckpointStore {
  return {
    upload: (data, size, signal) =>
      life.act('upload to registry', () => life.ask({ signal }, (asked) => registry.upload(data, size, asked.signal))),
    putManifest: (tag, body, type, signal) =>
      life.act('put manifest in registry', () =>
        life.ask({ signal }, (asked) => registry.putManifest(tag, body, type, asked.signal)),
      ),
    digestOf: (...what) => life.look(() => registry.digestOf(...what)),
    remove: (digest, signal) =>
      life.act('remove from registry', () => life.ask({ signal }, (asked) => registry.remove(digest, asked.signal))),
  };
}

/** A local file as a process uses it. */
export function sinkOf(life: Life, sink: JournalSink): JournalSink {
  return {
    place: sink.place,
    create: (header) => life.act('create local record', () => sink.create(header)),
    write: (id, writes) => life.act('write local record', () => sink.write(id, writes)),
    setAside: (id) => life.act('set local record aside', () => sink.setAside(id)),
    remove: (id) => life.act('remove local record', () => sink.remove(id)),
    load: (id) => life.look(() => sink.load(id)),
  };
}

function isChange({ method, path }: ApiRequest): boolean {
  return method !== 'GET' && !path.endsWith('reviews');
}

function labelOf({ method, path }: ApiRequest, context: string): string {
  return `${method} ${path.replace(/^\/apis?\//, '').replace(/^.*namespaces\/[^/]+\//, '')} in ${context}`;
}

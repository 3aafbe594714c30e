import { randomUUID } from 'node:crypto';
import { ApiFailure, type WatchEvent } from '../../src/kube/api-client.ts';
import type { KubeObject } from '../../src/kube/objects.ts';
import type { Resource } from '../../src/kube/ports.ts';

/** A change as a watch tells it, with the object as it was before. */
export interface Change {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly plural: string;
  readonly object: KubeObject;
  readonly before: KubeObject | undefined;
}

/** Where an object is kept. */
export interface Key {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly name: string;
}

/**
 * What etcd and the generic part of an API server do: keys, uids, one version counter for all kinds, history for
 * watches. Objects are cloned on their way in and out, so that nobody shares one with the store.
 */
export class FakeStore {
  readonly #objects = new Map<string, KubeObject>();
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #now: () => number;
  #history: Change[] = [];
  #compactedTo = 0;
  #version = 1000;

  constructor(now: () => number) {
    this.#now = now;
  }

  get version(): number {
    return this.#version;
  }

  get(key: Key): KubeObject | undefined {
    return structuredClone(this.#objects.get(keyOf(key)));
  }

  /** In the order of namespace and name, as etcd yields them. */
  list(plural: string, namespace: string | undefined): KubeObject[] {
    return structuredClone(this.view(plural, namespace));
  }

  /** The same without copies, for whoever takes a few of thousands and copies those. */
  view(plural: string, namespace: string | undefined): KubeObject[] {
    const prefix = namespace === undefined ? `${plural}/` : `${plural}/${namespace}/`;
    const keys = [...this.#objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    return keys.map((key) => this.#objects.get(key)).filter((object) => object !== undefined);
  }

  insert(key: Key, object: KubeObject): KubeObject {
    if (this.#objects.has(keyOf(key))) throw status(409, 'AlreadyExists', `${describe(key)} already exists`);
    const metadata = {
      ...object.metadata,
      name: key.name,
      ...(key.namespace === undefined ? {} : { namespace: key.namespace }),
      uid: randomUUID(),
      creationTimestamp: new Date(this.#now()).toISOString().replace(/\.\d+Z$/, 'Z'),
    };
    const counted = hasGeneration(key) ? { ...metadata, generation: 1 } : metadata;
    return this.#put('ADDED', key, { ...object, metadata: counted }, undefined);
  }

  /** Replaces an object; one that is equal to what is there keeps its version. */
  replace(key: Key, object: KubeObject): KubeObject {
    const before = this.#objects.get(keyOf(key));
    if (before === undefined) throw status(404, 'NotFound', `${describe(key)} not found`);
    const { resourceVersion } = before.metadata;
    const same = { ...object, metadata: { ...object.metadata, resourceVersion } };
    if (canonical(same) === canonical(before)) return structuredClone(before);
    if (hasGeneration(key)) object.metadata.generation = nextGeneration(before, object);
    return this.#put('MODIFIED', key, object, before);
  }

  remove(key: Key): void {
    const before = this.#objects.get(keyOf(key));
    if (before === undefined) return;
    this.#objects.delete(keyOf(key));
    this.#tell('DELETED', key, before, before);
  }

  /** Changes after a version; undefined when they are forgotten already. */
  since(version: number): Change[] | undefined {
    return version < this.#compactedTo ? undefined : this.#history.filter((change) => change.version > version);
  }

  /** Forgets history, so that watches from an older version end with 410. */
  compact(): void {
    this.#history = [];
    this.#compactedTo = this.#version;
  }

  /** Returns how to stop listening. */
  listen(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #put(type: 'ADDED' | 'MODIFIED', key: Key, object: KubeObject, before: KubeObject | undefined): KubeObject {
    const stored = structuredClone(object);
    this.#objects.set(keyOf(key), stored);
    this.#tell(type, key, stored, before);
    return structuredClone(stored);
  }

  #tell(type: WatchEvent['type'] & Change['type'], key: Key, object: KubeObject, before: KubeObject | undefined): void {
    this.#version += 1;
    object.metadata.resourceVersion = String(this.#version);
    const change = {
      version: this.#version,
      type,
      plural: key.resource.plural,
      object: structuredClone(object),
      before: structuredClone(before),
    };
    this.#history.push(change);
    for (const listener of [...this.#listeners]) listener(change);
  }
}

export function status(code: number, reason: string, message: string): ApiFailure {
  return new ApiFailure({ kind: 'status', status: { code, reason, message } });
}

/** `configmaps "cm"`, as the API server writes it. */
export function describe(key: Key): string {
  const group = key.resource.apiVersion.includes('/') ? `.${key.resource.apiVersion.split('/')[0]}` : '';
  return `${key.resource.plural}${group} "${key.name}"`;
}

function hasGeneration({ resource }: Key): boolean {
  return resource.apiVersion === 'apps/v1';
}

function nextGeneration(before: KubeObject, after: KubeObject): number {
  const generation = before.metadata.generation ?? 1;
  return canonical(before['spec']) === canonical(after['spec']) ? generation : generation + 1;
}

function keyOf(key: Key): string {
  return `${key.resource.plural}/${key.namespace ?? ''}/${key.name}`;
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

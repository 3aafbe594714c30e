import { MANIFEST } from '../../archive/checkpoint-image.ts';
import { asMigrateError } from '../../domain/errors.ts';
import { unlessAborted } from '../../domain/unless-aborted.ts';
import type { Registry } from '../../transfer/registry/registry.ts';

/** What of a registry a checkpoint needs. */
export type CheckpointStore = Pick<Registry, 'upload' | 'putManifest' | 'digestOf' | 'remove'>;

/** What stays in a registry, and why. */
export interface Kept {
  /** The digest of its manifest, or its tag where nobody knows whether there is one. */
  readonly reference: string;
  readonly why: string;
}

/** The images that this process has made in a registry, each until it is removed. */
export class PushedImages {
  readonly #registry: CheckpointStore;
  /** The digest of each, by its tag. */
  readonly #made = new Map<string, Promise<string>>();

  constructor(registry: CheckpointStore) {
    this.#registry = registry;
  }

  get tags(): readonly string[] {
    return [...this.#made.keys()];
  }

  /**
   * Makes an image of blobs that are there; yields its digest. Throws F380 to F385, and the signal's reason at once: the
   * registry may make it all the same, for which `remove` waits.
   */
  async make(tag: string, manifest: Buffer, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    const made = this.#registry.putManifest(tag, manifest, MANIFEST);
    this.#made.set(tag, made);
    return await unlessAborted(signal, made);
  }

  /** Removes one, and yields what stays of it. Idempotent. Throws the signal's reason. */
  async remove(tag: string, signal: AbortSignal): Promise<Kept | undefined> {
    const made = this.#made.get(tag);
    if (!made) return undefined;
    const digest = await unlessAborted(
      signal,
      made.catch(() => undefined),
    );
    const kept = await removeFrom(this.#registry, digest ?? tag, signal);
    this.#made.delete(tag);
    return kept;
  }
}

/** Removes a manifest, by its digest or by a tag that need not be there. */
export async function removeFrom(
  registry: CheckpointStore,
  reference: string,
  signal: AbortSignal,
): Promise<Kept | undefined> {
  try {
    const digest = reference.includes(':') ? reference : await registry.digestOf(reference, signal);
    const outcome = digest === undefined ? 'removed' : await registry.remove(digest, signal);
    if (outcome === 'removed') return undefined;
    return { reference, why: 'the registry removes nothing; remove it by the means that it has' };
  } catch (error) {
    signal.throwIfAborted();
    const { code, detail, remedy } = asMigrateError(error);
    return { reference, why: `${code} ${detail} (${remedy})` };
  }
}

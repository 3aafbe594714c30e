import { addAbortSignal, type Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type FailureCode, MigrateError } from '../../src/domain/errors.ts';
import type { CheckpointStore } from '../../src/engines/kubelet/pushed-images.ts';
import { digestOf, RegistryContents } from './registry-contents.ts';

/** A registry without a network, for tests in fake time. */
export class MemoryRegistry implements CheckpointStore {
  readonly #contents = new RegistryContents();
  readonly blobs = this.#contents.blobs;
  readonly manifests = this.#contents.manifests;
  /** Whether it takes manifests away when asked to. */
  deletes = true;
  /** Thrown by the next upload of more than so many bytes. */
  failing: { readonly from: number; readonly error: MigrateError } | undefined;

  async upload(data: Buffer | Readable, size: number, signal?: AbortSignal): Promise<{ digest: string; size: number }> {
    signal?.throwIfAborted();
    const whole = Buffer.isBuffer(data) ? data : await read(data, signal);
    if (this.failing && whole.length >= this.failing.from) throw this.failing.error;
    if (whole.length !== size) throw refusal('F342', `${whole.length} bytes instead of ${size}`);
    return { digest: this.#contents.keep(whole), size };
  }

  async putManifest(tag: string, body: Buffer, mediaType: string, signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted();
    const against = this.#contents.against(body, mediaType);
    if (against) throw refusal('F385', against.message);
    return this.#contents.put(tag, body);
  }

  async digestOf(tag: string, signal?: AbortSignal): Promise<string | undefined> {
    signal?.throwIfAborted();
    const manifest = this.manifests.get(tag);
    return manifest && digestOf(manifest);
  }

  async remove(digest: string, signal?: AbortSignal): Promise<'removed' | 'kept'> {
    signal?.throwIfAborted();
    if (!this.deletes) return 'kept';
    if (this.#contents.remove(digest) === 'no digest') throw refusal('F385', `${digest} is no digest`);
    return 'removed';
  }
}

async function read(data: Readable, signal: AbortSignal | undefined): Promise<Buffer> {
  try {
    return await buffer(signal ? addAbortSignal(signal, data) : data);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

function refusal(code: FailureCode, detail: string): MigrateError {
  return new MigrateError(code, { detail, remedy: 'this is a fake' });
}

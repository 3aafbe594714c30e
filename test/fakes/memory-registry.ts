import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { MigrateError } from '../../src/domain/errors.ts';
import type { CheckpointStore } from '../../src/engines/kubelet/carrier.ts';

/** A registry without a network, for tests in fake time: digests are checked, manifests hold only blobs that are there. */
export class MemoryRegistry implements CheckpointStore {
  readonly blobs = new Map<string, Buffer>();
  readonly manifests = new Map<string, Buffer>();
  /** Whether it takes manifests away when asked to. */
  deletes = true;
  /** Thrown by the next upload of more than so many bytes. */
  failing: { readonly from: number; readonly error: MigrateError } | undefined;

  async upload(data: Buffer | Readable, size: number): Promise<{ digest: string; size: number }> {
    const chunks: Buffer[] = [];
    if (Buffer.isBuffer(data)) chunks.push(data);
    else for await (const chunk of data) chunks.push(Buffer.from(chunk));
    const whole = Buffer.concat(chunks);
    if (this.failing && whole.length >= this.failing.from) throw this.failing.error;
    if (whole.length !== size) throw refusal(`${whole.length} bytes instead of ${size}`);
    this.blobs.set(digestOf(whole), whole);
    return { digest: digestOf(whole), size };
  }

  async putManifest(tag: string, body: Buffer): Promise<string> {
    const { config, layers } = JSON.parse(body.toString()) as { config: Named; layers: Named[] };
    if ([config, ...layers].some(({ digest }) => !this.blobs.has(digest))) throw refusal('blob unknown to registry');
    this.manifests.set(tag, body);
    this.manifests.set(digestOf(body), body);
    return digestOf(body);
  }

  async digestOf(tag: string): Promise<string | undefined> {
    const manifest = this.manifests.get(tag);
    return manifest && digestOf(manifest);
  }

  async remove(digest: string): Promise<'removed' | 'kept'> {
    if (!this.deletes) return 'kept';
    const gone = this.manifests.get(digest);
    for (const [name, body] of this.manifests) if (body === gone) this.manifests.delete(name);
    return 'removed';
  }
}

interface Named {
  readonly digest: string;
}

function refusal(detail: string): MigrateError {
  return new MigrateError('F385', { detail, remedy: 'this is a fake' });
}

function digestOf(data: Buffer): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

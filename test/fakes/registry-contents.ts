import { createHash } from 'node:crypto';

/** What a registry has, and by which rules it takes it, as docker-registry 2.8 (distribution) does. */
export class RegistryContents {
  readonly blobs = new Map<string, Buffer>();
  /** By tag and by digest. */
  readonly manifests = new Map<string, Buffer>();

  keep(blob: Buffer): string {
    this.blobs.set(digestOf(blob), blob);
    return digestOf(blob);
  }

  /** Why a manifest is not taken, as the distribution-spec lists it; undefined when it is. */
  against(body: Buffer, mediaType: string | undefined): { code: string; message: string } | undefined {
    const manifest = parse(body);
    if (!manifest || manifest.mediaType !== mediaType) return { code: 'MANIFEST_INVALID', message: 'manifest invalid' };
    const missing = [manifest.config, ...manifest.layers].some(({ digest }) => !this.blobs.has(digest));
    return missing ? { code: 'MANIFEST_BLOB_UNKNOWN', message: 'blob unknown to registry' } : undefined;
  }

  put(tag: string, body: Buffer): string {
    for (const name of [tag, digestOf(body)]) this.manifests.set(name, body);
    return digestOf(body);
  }

  /** Takes a manifest away, and every tag that leads to it. */
  remove(digest: string): 'removed' | 'unknown' | 'no digest' {
    if (!/^sha256:[0-9a-f]{64}$/.test(digest)) return 'no digest';
    if (!this.manifests.has(digest)) return 'unknown';
    for (const [name, body] of this.manifests) if (digestOf(body) === digest) this.manifests.delete(name);
    return 'removed';
  }
}

interface Manifest {
  readonly mediaType: string;
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

function parse(body: Buffer): Manifest | undefined {
  try {
    return JSON.parse(body.toString()) as Manifest;
  } catch {
    return undefined;
  }
}

export function digestOf(data: Buffer): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

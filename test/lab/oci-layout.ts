import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** The part of an OCI image configuration that a container runtime acts on. */
export interface ImageConfig {
  readonly Cmd?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Env?: readonly string[];
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>;
  readonly User?: string;
  readonly WorkingDir?: string;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const mediaTypes = {
  config: 'application/vnd.oci.image.config.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
} as const;

/**
 * Writes an image of one layer as an OCI layout. The same tree yields the same digest, whenever and wherever.
 * @param tree folder whose content is the image's root; modes and numeric owners are taken over.
 */
export async function writeLayout(layout: string, tree: string, config: ImageConfig): Promise<void> {
  const blobs = path.join(layout, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const layer = await writeLayer(blobs, tree);
  const image = writeBlob(blobs, mediaTypes.config, {
    architecture: 'amd64',
    os: 'linux',
    config,
    rootfs: { type: 'layers', diff_ids: [layer.diffId] },
  });
  const manifest = writeBlob(blobs, mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: image,
    layers: [layer.descriptor],
  });
  writeFileSync(path.join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  writeFileSync(
    path.join(layout, 'index.json'),
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [manifest] }),
  );
}

/**
 * Digest of the one image in an OCI layout folder.
 * @throws when the layout holds none or several.
 */
export function layoutDigest(layout: string): string {
  const index: unknown = JSON.parse(readFileSync(path.join(layout, 'index.json'), 'utf8'));
  const manifests: unknown = typeof index === 'object' && index !== null && 'manifests' in index ? index.manifests : [];
  const [first, second]: unknown[] = Array.isArray(manifests) ? manifests : [];
  if (typeof first !== 'object' || first === null || !('digest' in first) || second !== undefined) {
    throw new Error(`${layout} does not hold exactly one image`);
  }
  return String(first.digest);
}

async function writeLayer(blobs: string, tree: string): Promise<{ descriptor: Descriptor; diffId: string }> {
  const plain = createHash('sha256');
  const packed = createHash('sha256');
  const temporary = path.join(blobs, randomUUID());
  const tar = spawn(
    'tar',
    ['--sort=name', '--mtime=@0', '--numeric-owner', '--format=gnu', '-C', tree, '-cf', '-', '.'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = new Promise<number>((resolve) => tar.on('close', (code) => resolve(code ?? 1)));
  await pipeline(
    tar.stdout,
    async function* (source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        plain.update(chunk);
        yield chunk;
      }
    },
    // Fast rather than small: it never leaves this machine.
    createGzip({ level: 1 }),
    async function* (source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        packed.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(temporary),
  );
  if ((await ended) !== 0) throw new Error(`tar could not read ${tree}`);
  const name = packed.digest('hex');
  renameSync(temporary, path.join(blobs, name));
  const size = statSync(path.join(blobs, name)).size;
  return {
    descriptor: { mediaType: mediaTypes.layer, digest: `sha256:${name}`, size },
    diffId: `sha256:${plain.digest('hex')}`,
  };
}

function writeBlob(blobs: string, mediaType: string, content: unknown): Descriptor {
  const bytes = Buffer.from(JSON.stringify(content));
  const name = createHash('sha256').update(bytes).digest('hex');
  writeFileSync(path.join(blobs, name), bytes);
  return { mediaType, digest: `sha256:${name}`, size: bytes.length };
}

import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { cached } from './cache.ts';
import { type LayerEntry, writeTar } from './tar-writer.ts';

const sha256 = (data: Uint8Array) => `sha256:${createHash('sha256').update(data).digest('hex')}`;

/** A layer at rest: its compressed blob and the digests that manifest and configuration name. */
export type Layer = { file: string; digest: string; size: number; diffId: string };

/** Packs entries as a layer, cached by `inputs` (which must determine the entries). */
export async function makeLayer(
  cacheDir: string,
  name: string,
  inputs: readonly (string | Uint8Array)[],
  entries: () => Promise<LayerEntry[]>,
): Promise<Layer> {
  const dir = await cached(cacheDir, `layer-${name}`, inputs, async (unfinished) => {
    const tar = writeTar(await entries());
    const blob = gzipSync(tar, { level: 6 });
    await writeFile(path.join(unfinished, 'blob'), blob);
    const about = { digest: sha256(blob), size: blob.byteLength, diffId: sha256(tar) };
    await writeFile(path.join(unfinished, 'layer.json'), JSON.stringify(about));
  });
  const about: Omit<Layer, 'file'> = JSON.parse(await readFile(path.join(dir, 'layer.json'), 'utf8'));
  return { ...about, file: path.join(dir, 'blob') };
}

/** Writes an OCI image layout (image-spec v1.1) and returns the manifest's digest. */
export async function writeLayout(outDir: string, layers: readonly Layer[], config: object): Promise<string> {
  const blobs = path.join(outDir, 'blobs/sha256');
  await mkdir(blobs, { recursive: true });
  const put = async (value: object) => {
    const data = Buffer.from(JSON.stringify(value));
    await writeFile(path.join(blobs, sha256(data).slice(7)), data);
    return { digest: sha256(data), size: data.byteLength };
  };
  for (const layer of layers) await writeFile(path.join(blobs, layer.digest.slice(7)), await readFile(layer.file));
  const configuration = await put({
    architecture: 'amd64',
    os: 'linux',
    config,
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
  });
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = await put({
    schemaVersion: 2,
    mediaType,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...configuration },
    layers: layers.map(({ digest, size }) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest,
      size,
    })),
  });
  const index = { schemaVersion: 2, manifests: [{ mediaType, ...manifest }] };
  await writeFile(path.join(outDir, 'index.json'), JSON.stringify(index));
  await writeFile(path.join(outDir, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  return manifest.digest;
}

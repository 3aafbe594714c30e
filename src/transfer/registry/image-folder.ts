import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { MigrateError } from '../../domain/errors.ts';
import type { Registry } from './registry.ts';

const digestSchema = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const manifestSchema = z.looseObject({
  config: z.looseObject({ digest: digestSchema, size: z.number() }),
  layers: z.array(z.looseObject({ digest: digestSchema, size: z.number() })),
});
const indexSchema = z.looseObject({
  manifests: z.array(z.looseObject({ mediaType: z.string(), digest: digestSchema })).length(1),
});

/** One image for one platform: an index of several would have to be chosen from. */
export interface CopiedImage {
  readonly digest: string;
  readonly bytes: number;
}

/**
 * Brings an image from a registry into a folder, as an OCI image layout that other tools read too. What is there already
 * with the right name and size is not fetched again. Throws F342 when a blob is not what its digest says, F380 to F385.
 */
export async function saveImage(
  registry: Registry,
  reference: string,
  folder: string,
  signal?: AbortSignal,
): Promise<CopiedImage> {
  const { body, mediaType, digest } = await registry.manifest(reference, signal);
  const parsed = manifestSchema.safeParse(JSON.parse(body.toString('utf8')));
  if (!parsed.success) throw notAnImage(`what ${reference} names is no image for one platform`);
  const blobs = path.join(folder, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  let bytes = body.length;
  for (const blob of [parsed.data.config, ...parsed.data.layers]) {
    const file = path.join(blobs, blob.digest.slice('sha256:'.length));
    bytes += blob.size;
    if ((await sizeOf(file)) === blob.size) continue;
    const got = await registry.download(blob.digest, createWriteStream(file), signal);
    if (got !== blob.digest) throw damaged(`${file} should be ${blob.digest} and is ${got}`);
  }
  await writeFile(path.join(blobs, digest.slice('sha256:'.length)), body);
  const entry = { mediaType, digest, size: body.length };
  await writeFile(path.join(folder, 'index.json'), `${JSON.stringify({ schemaVersion: 2, manifests: [entry] })}\n`);
  await writeFile(path.join(folder, 'oci-layout'), `${JSON.stringify({ imageLayoutVersion: '1.0.0' })}\n`);
  return { digest, bytes };
}

/** Sends the image of such a folder to a registry. Blobs that are there already are not sent again. Throws F332, F380 to F385. */
export async function pushFolder(
  registry: Registry,
  folder: string,
  tag: string,
  signal?: AbortSignal,
): Promise<CopiedImage> {
  const index = indexSchema.safeParse(await readJson(path.join(folder, 'index.json')));
  if (!index.success) throw notAnImage(`${folder} is no OCI image layout with one image: helper save makes one`);
  const [entry] = index.data.manifests;
  if (!entry) throw notAnImage(`${folder} holds no image`);
  const fileOf = (digest: string) => path.join(folder, 'blobs', 'sha256', digest.slice('sha256:'.length));
  const body = await readFile(fileOf(entry.digest));
  const manifest = manifestSchema.parse(JSON.parse(body.toString('utf8')));
  let bytes = body.length;
  for (const { digest, size } of [...manifest.layers, manifest.config]) {
    bytes += size;
    if (await registry.has(digest, signal)) continue;
    const sent = await registry.upload(createReadStream(fileOf(digest)), size, signal);
    if (sent.digest !== digest) throw damaged(`${fileOf(digest)} is ${sent.digest}`);
  }
  return { digest: await registry.putManifest(tag, body, entry.mediaType, signal), bytes };
}

async function sizeOf(file: string): Promise<number | undefined> {
  return stat(file).then(
    ({ size }) => size,
    () => undefined,
  );
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function notAnImage(detail: string): MigrateError {
  return new MigrateError('F386', {
    detail,
    remedy: 'name an image by tag or digest, for one platform',
    outcome: 'usage',
  });
}

function damaged(detail: string): MigrateError {
  return new MigrateError('F342', { detail, remedy: 'remove that file, and fetch it again' });
}

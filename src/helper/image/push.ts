import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { loginFor } from '../../transfer/registry/credentials.ts';
import { connectRegistry } from '../../transfer/registry/registry.ts';

const manifestSchema = z.object({
  mediaType: z.string(),
  config: z.object({ digest: z.string() }),
  layers: z.array(z.object({ digest: z.string() })),
});
const indexSchema = z.object({ manifests: z.array(z.object({ digest: z.string() })).length(1) });

/** Where an image goes: `registry` is HOST[:PORT], `ca` a PEM certificate to trust beside the system's. */
export type Destination = { registry: string; repository: string; tag: string; ca?: string };

/**
 * Pushes an OCI layout to a registry, with the login that `docker login` has kept for it. Blobs that are there already
 * are not sent again. Throws F380 to F385.
 */
export async function pushLayout(layout: string, to: Destination): Promise<void> {
  const { registry: host, repository, tag, ca } = to;
  const login = () => loginFor(host, process.env);
  const registry = connectRegistry({ host, repository, login, ...(ca !== undefined && { ca }) });
  const blob = (digest: string) => readFile(path.join(layout, 'blobs', ...digest.split(':')));
  try {
    const index = indexSchema.parse(JSON.parse(await readFile(path.join(layout, 'index.json'), 'utf8')));
    const [entry] = index.manifests;
    if (!entry) throw new Error(`${layout} holds no manifest`);
    const manifestData = await blob(entry.digest);
    const manifest = manifestSchema.parse(JSON.parse(manifestData.toString()));
    for (const { digest } of [...manifest.layers, manifest.config]) {
      if (await registry.has(digest)) continue;
      const data = await blob(digest);
      await registry.upload(data, data.length);
    }
    await registry.putManifest(tag, manifestData, manifest.mediaType);
  } finally {
    registry.close();
  }
}

import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import path from 'node:path';
import { z } from 'zod';

const manifestSchema = z.object({
  mediaType: z.string(),
  config: z.object({ digest: z.string() }),
  layers: z.array(z.object({ digest: z.string() })),
});
const indexSchema = z.object({ manifests: z.array(z.object({ digest: z.string() })).length(1) });

/** Where an image goes: `registry` is HOST[:PORT], `ca` a PEM certificate to trust beside the system's. */
export type Destination = { registry: string; repository: string; tag: string; ca?: string };

type Answer = { status: number; location: string };

function call(to: Destination, method: string, at: string, body?: { data: Uint8Array; type: string }) {
  return new Promise<Answer>((resolve, reject) => {
    const url = new URL(at, `https://${to.registry}`);
    const headers = body ? { 'content-type': body.type, 'content-length': body.data.byteLength } : {};
    const asked = request(url, { method, headers, ...(to.ca ? { ca: to.ca } : {}) }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, location: answer.headers.location ?? '' }));
    });
    asked.on('error', reject);
    asked.end(body?.data);
  });
}

/**
 * Pushes an OCI layout to a registry (OCI distribution-spec 1.1, TLS, no credentials). Blobs that are there already are
 * not sent again. Throws when the registry refuses.
 */
export async function pushLayout(layout: string, to: Destination): Promise<void> {
  const blob = (digest: string) => readFile(path.join(layout, 'blobs', ...digest.split(':')));
  const index = indexSchema.parse(JSON.parse(await readFile(path.join(layout, 'index.json'), 'utf8')));
  const [entry] = index.manifests;
  if (!entry) throw new Error(`${layout} holds no manifest`);
  const manifestData = await blob(entry.digest);
  const manifest = manifestSchema.parse(JSON.parse(manifestData.toString()));
  for (const { digest } of [...manifest.layers, manifest.config]) {
    const known = await call(to, 'HEAD', `/v2/${to.repository}/blobs/${digest}`);
    if (known.status === 200) continue;
    const upload = await call(to, 'POST', `/v2/${to.repository}/blobs/uploads/`);
    const at = `${upload.location}${upload.location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
    const put = await call(to, 'PUT', at, { data: await blob(digest), type: 'application/octet-stream' });
    if (put.status !== 201) throw new Error(`${to.registry} refused blob ${digest}: ${put.status}`);
  }
  const done = await call(to, 'PUT', `/v2/${to.repository}/manifests/${to.tag}`, {
    data: manifestData,
    type: manifest.mediaType,
  });
  if (done.status !== 201) throw new Error(`${to.registry} refused the manifest: ${done.status}`);
}

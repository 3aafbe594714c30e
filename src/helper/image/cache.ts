import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import path from 'node:path';

/** Hex sha256 of the parts, each with its length before it so that no two lists look alike. */
function digestOf(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    const data = typeof part === 'string' ? Buffer.from(part) : part;
    hash.update(`${data.byteLength}:`).update(data);
  }
  return hash.digest('hex');
}

/**
 * A directory that `make` fills, kept under the digest of its inputs. It appears under its final name only when `make`
 * has finished, so a half-made one is never used; two builders at the same time do no harm.
 */
export async function cached(
  cacheDir: string,
  name: string,
  inputs: readonly (string | Uint8Array)[],
  make: (dir: string) => Promise<void>,
): Promise<string> {
  const entry = path.join(cacheDir, `${name}-${digestOf(inputs).slice(0, 20)}`);
  if (existsSync(entry)) return entry;
  await mkdir(cacheDir, { recursive: true });
  const unfinished = await mkdtemp(path.join(cacheDir, `.unfinished-${name}-`));
  try {
    await make(unfinished);
    await rename(unfinished, entry);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    if (!existsSync(entry)) throw error;
  }
  return entry;
}

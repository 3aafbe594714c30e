import path from 'node:path';
import { cacheFolder } from './cache.ts';
import { folders } from './folders.ts';
import { pushLayout } from './registry.ts';

/**
 * Makes the product's helper image from the code of this checkout. What is compiled for it is kept in the lab's
 * cache; with that warm it takes about a second. Returns the folder of its OCI layout and its digest.
 */
export async function makeHelperImage(): Promise<{ layout: string; digest: string }> {
  // Loaded only here: it brings a bundler along, which most commands of the lab have no use for.
  const { buildHelperImage } = await import('../../src/helper/image/build.ts');
  const cacheDir = path.join(cacheFolder(), 'helper-image');
  return buildHelperImage({ cacheDir, outDir: path.join(folders.images, 'helper') });
}

/** Pushes the helper image to the lab's registry, tagged with the start of its digest; returns its full reference. */
export function pushHelperImage(
  nodeRoot: string,
  pki: string,
  image: { layout: string; digest: string },
): Promise<string> {
  return pushLayout(nodeRoot, pki, image.layout, `helper:${image.digest.replace('sha256:', '').slice(0, 12)}`);
}

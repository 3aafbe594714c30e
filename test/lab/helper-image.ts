import { rmSync } from 'node:fs';
import path from 'node:path';
import { cacheFolder } from './cache.ts';
import { folders } from './folders.ts';
import { pushLayout } from './registry.ts';

/** An image in an OCI layout folder. */
export interface BuiltImage {
  readonly layout: string;
  readonly digest: string;
}

/**
 * Makes the product's helper image from the code of this checkout. What is compiled for it is kept in the lab's
 * cache; with that warm it takes about a second. The layout is good until the next call.
 */
export async function makeHelperImage(): Promise<BuiltImage> {
  // Loaded only here: it brings a bundler along, which most commands of the lab have no use for.
  const { buildHelperImage } = await import('../../src/helper/image/build.ts');
  const outDir = path.join(folders.runtime, 'helper-layout');
  rmSync(outDir, { recursive: true, force: true });
  return buildHelperImage({ cacheDir: path.join(cacheFolder(), 'helper-image'), outDir });
}

/** Pushes the helper image to the lab's registry, tagged with the start of its digest; returns its full reference. */
export function pushHelperImage(image: BuiltImage): Promise<string> {
  return pushLayout(image.layout, `helper:${image.digest.replace('sha256:', '').slice(0, 12)}`);
}

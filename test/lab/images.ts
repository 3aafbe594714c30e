import path from 'node:path';
import { coredns } from './build/coredns.ts';
import { debianPrograms } from './build/debian-programs.ts';
import { java } from './build/java.ts';
import { obtain } from './cache.ts';
import { type ImageParts, imageRecipe } from './images/image.ts';
import { clusterImages, scenarioImages } from './images/index.ts';
import type { Say } from './progress.ts';

/**
 * Makes the images of test/lab/images that the cache does not hold, with what they are made of, and returns the
 * folders of their OCI layouts by name.
 */
export async function obtainImages(say: Say): Promise<Readonly<Record<string, string>>> {
  const parts: ImageParts = {
    debian: path.join(await obtain(debianPrograms, say), 'root'),
    java: path.join(await obtain(java, say), 'java'),
    coredns: path.join(await obtain(coredns, say), 'coredns'),
  };
  const layouts: Record<string, string> = {};
  for (const image of [...clusterImages, ...scenarioImages]) {
    layouts[image.name] = path.join(await obtain(imageRecipe(image, parts), say), 'layout');
  }
  return layouts;
}

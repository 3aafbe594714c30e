import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Recipe } from '../cache.ts';
import { type ImageConfig, writeLayout } from '../oci-layout.ts';
import { Tree } from './tree.ts';

/** An image of the lab: how its only layer is filled, and how it runs. */
export interface LabImage {
  readonly name: string;
  readonly config: ImageConfig;
  /** Anything else that decides about the content: versions, flags. */
  readonly inputs?: unknown;
  readonly sources?: readonly string[];
  readonly fill: (tree: Tree, parts: ImageParts) => Promise<void>;
}

/** Finished cache entries that images are made of, by what is in them. */
export interface ImageParts {
  /** Root of a Debian system whose programs can be copied. */
  readonly debian: string;
  /** Folder with a Java runtime (`runtime`) and the Java program of the lab (`classes`). */
  readonly java: string;
  /** The program of the cluster's DNS server. */
  readonly coredns: string;
}

/** Cache entry with the image's OCI layout in a folder `layout`. */
export function imageRecipe(image: LabImage, parts: ImageParts): Recipe {
  const { name, config, inputs, sources = [] } = image;
  return {
    name: `image-${name}`,
    // The parts lie in cache entries whose names are digests of what they are.
    inputs: { config, inputs, parts: Object.values(parts).map((part) => path.basename(path.dirname(part))), form: 1 },
    sources: [...sources, path.join(import.meta.dirname, `${name}.ts`), path.join(import.meta.dirname, 'tree.ts')],
    usual: '10 s',
    make: async (folder) => {
      const tree = path.join(folder, 'tree');
      mkdirSync(tree);
      await image.fill(new Tree(tree), parts);
      await writeLayout(path.join(folder, 'layout'), tree, config);
      rmSync(tree, { recursive: true });
    },
  };
}

import path from 'node:path';
import { containerd24 } from './build/containerd.ts';
import { coredns } from './build/coredns.ts';
import { crio } from './build/crio.ts';
import { criuShim } from './build/criu-shim.ts';
import { debianPrograms } from './build/debian-programs.ts';
import { java } from './build/java.ts';
import { kubernetes } from './build/kubernetes.ts';
import { nodeRoot } from './build/node-root.ts';
import { lookUp, obtain, type Recipe } from './cache.ts';
import { type BuiltImage, makeHelperImage } from './helper-image.ts';
import { obtainImages } from './images.ts';
import { pki } from './pki.ts';
import type { Progress, Say } from './progress.ts';
import type { RuntimeName, Variant } from './state.ts';

/** Everything that a lab is started from, as folders of the cache. */
export interface Parts {
  readonly kubernetes: string;
  readonly nodeRoot: string;
  readonly criuShim: string;
  readonly pki: string;
  readonly helperImage: BuiltImage;
  /** Folders with the OCI layouts of images, by name. */
  readonly layouts: Readonly<Record<string, string>>;
  /** Layers with container runtimes that Debian does not have. */
  readonly runtimes: Readonly<Partial<Record<RuntimeName, string>>>;
}

/** How many steps it takes to obtain the parts of a lab: one for each that is not in the cache, and two for images. */
export function missingParts(variant: Variant): number {
  const missing = [...compiled(variant), ...bootstrapped].filter((recipe) => lookUp(recipe) === undefined).length;
  return missing + 2;
}

/**
 * Takes every part of a lab from the cache, making what is not there: what is compiled, one after the other (each
 * compiler run uses all processors), beside what is downloaded.
 * @throws when a part cannot be made.
 */
export async function obtainParts(variant: Variant, progress: Progress, say: Say): Promise<Parts> {
  const folders = new Map<string, string>();
  const take = async (recipe: Recipe) => {
    const make = () => obtain(recipe, say);
    const known = lookUp(recipe) !== undefined;
    folders.set(recipe.name, known ? await make() : await progress.step(`making ${recipe.name}`, recipe.usual, make));
  };
  const inTurn = async (recipes: readonly Recipe[]) => {
    for (const recipe of recipes) await take(recipe);
  };
  const makeHelper = () => progress.step('helper image', '2 s, without cache 100 s', makeHelperImage);
  const [, helperImage] = await Promise.all([inTurn(compiled(variant)), inTurn(bootstrapped).then(makeHelper)]);
  const folder = (name: string) => {
    const found = folders.get(name);
    if (found === undefined) throw new Error(`no part ${name}`);
    return found;
  };
  const layouts = await progress.step('images', '1 s, without cache 20 s', () => obtainImages(say));
  return {
    kubernetes: folder('kubernetes'),
    nodeRoot: path.join(folder('node-root'), 'root'),
    criuShim: folder('criu-shim'),
    pki: folder('pki'),
    helperImage,
    layouts,
    runtimes: Object.fromEntries(runtimesOf(variant).map((name) => [name, folder(name)])),
  };
}

const bootstrapped: readonly Recipe[] = [pki, criuShim, nodeRoot, debianPrograms, java];

/** Made only when asked for. */
const otherRuntimes: Readonly<Record<RuntimeName, Recipe>> = { 'containerd-2.4': containerd24, crio };

function runtimesOf(variant: Variant): RuntimeName[] {
  return [...new Set(Object.values(variant.runtimes))];
}

function compiled(variant: Variant): Recipe[] {
  return [kubernetes, coredns, ...runtimesOf(variant).map((name) => otherRuntimes[name])];
}

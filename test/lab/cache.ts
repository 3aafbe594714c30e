import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import path from 'node:path';
import { withLock } from './lock.ts';
import type { Say } from './progress.ts';

/** What an entry is made of. Anything that changes the result belongs in here. */
export interface Recipe {
  readonly name: string;
  /** Versions, flags and the like: any JSON. */
  readonly inputs: unknown;
  /** Files and folders whose names and contents count. */
  readonly sources?: readonly string[];
  /** How long making it usually takes, for people. */
  readonly usual: string;
  /** Fills an empty folder; it becomes the entry only when this returns. */
  readonly make: (folder: string) => Promise<void>;
}

/** Folder of the build cache: KUBECTL_MIGRATE_LAB_CACHE or /var/cache/kubectl-migrate-lab. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env['KUBECTL_MIGRATE_LAB_CACHE'] ?? '/var/cache/kubectl-migrate-lab';
}

/** Name of the folder that holds the recipe's result: its name and a digest of its inputs and sources. */
export function entryName(recipe: Pick<Recipe, 'name' | 'inputs' | 'sources'>): string {
  const hash = createHash('sha256').update(JSON.stringify(recipe.inputs) ?? '');
  for (const source of recipe.sources ?? []) hashTree(hash, source, path.basename(source));
  return `${recipe.name}-${hash.digest('hex').slice(0, 20)}`;
}

/** Folder of a finished entry, or undefined when it has to be made. */
export function lookUp(recipe: Recipe, folder = cacheFolder()): string | undefined {
  const entry = path.join(folder, entryName(recipe));
  return existsSync(entry) ? entry : undefined;
}

/**
 * Returns the folder of the recipe's entry, making it first when there is none. An entry is made in a temporary
 * folder beside its place and renamed when complete; two makers of the same entry wait for one another. Idempotent.
 * @throws what the recipe's make throws; nothing is left of the attempt then.
 */
export async function obtain(recipe: Recipe, say: Say, folder = cacheFolder()): Promise<string> {
  const entry = path.join(folder, entryName(recipe));
  if (existsSync(entry)) {
    // The time of last use, so that a person who tidies the cache sees what is old.
    const now = new Date();
    utimesSync(entry, now, now);
    return entry;
  }
  mkdirSync(folder, { recursive: true });
  return withLock(path.join(folder, '.locks', entryName(recipe)), `making ${recipe.name}`, say, async () => {
    if (existsSync(entry)) return entry;
    removeLeftovers(folder, recipe);
    const temporary = mkdtempSync(path.join(folder, `.making-${entryName(recipe)}-`));
    try {
      await recipe.make(temporary);
      renameSync(temporary, entry);
      return entry;
    } catch (error) {
      rmSync(temporary, { recursive: true, force: true });
      throw error;
    }
  });
}

function removeLeftovers(folder: string, recipe: Recipe): void {
  for (const name of readdirSync(folder)) {
    if (name.startsWith(`.making-${entryName(recipe)}-`))
      rmSync(path.join(folder, name), { recursive: true, force: true });
  }
}

/** Feeds names and contents of a file or folder into a hash, in an order that does not depend on the disk. */
export function hashTree(hash: ReturnType<typeof createHash>, source: string, name: string): void {
  if (statSync(source).isDirectory()) {
    for (const child of readdirSync(source).sort()) hashTree(hash, path.join(source, child), `${name}/${child}`);
    return;
  }
  const content = readFileSync(source);
  hash.update(`${name}\0${content.length}\0`).update(content);
}

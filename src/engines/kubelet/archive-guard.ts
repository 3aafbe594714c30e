import { z } from 'zod';
import { refused } from '../../archive/checkpoint-archive.ts';
import { HelperFailure } from '../../helper/failure.ts';
import type { Granted } from '../../helper/trust/credentials.ts';
import { CriuImages, type Named } from '../../helper/trust/criu-image.ts';
import { coreExcesses } from '../../helper/trust/guard.ts';
import { namespaceExcesses } from '../../helper/trust/namespaces.ts';
import type { StartedMount } from '../engine.ts';
import definitions from './criu/definitions.json' with { type: 'json' };

const mount = z.looseObject({
  fstype: z.int(),
  mnt_id: z.int(),
  parent_mnt_id: z.int(),
  flags: z.int(),
  root: z.string(),
  mountpoint: z.string(),
  ext_key: z.string().default(''),
  ext_mount: z.boolean().default(false),
  with_plugin: z.boolean().default(false),
});
type Mount = z.infer<typeof mount>;

/** File systems that a runtime has CRIU mount itself, by their number in CRIU's enum fstype, as the kernel calls them. */
const OWN: ReadonlyMap<number, string> = new Map([
  [1, 'proc'],
  [2, 'sysfs'],
  [5, 'tmpfs'],
  [6, 'devpts'],
  [14, 'mqueue'],
  [23, 'cgroup2'],
]);
/** MS_RDONLY. */
const READ_ONLY = 1;
/** What a runtime mounts over files of /proc and /sys, and the name by which it tells CRIU of it. */
const MASK = { key: '/dev/null', root: '/null', over: /^\/(?:proc|sys)\// };
/** So many differences are told. */
const TOLD = 5;

let loaded: CriuImages | undefined;

function criuImages(): CriuImages {
  loaded ??= new CriuImages(JSON.stringify(definitions));
  return loaded;
}

/**
 * Compares the process image in an archive with what the target's pod grants, and its mounts with those that the container
 * had: CRIU takes user, capabilities, seccomp, namespaces and mounts from there and asks nobody. Throws F347. Pure.
 */
export function guardArchive(images: readonly Named[], granted: Granted, mounts: readonly StartedMount[]): void {
  const named = (pattern: RegExp) => images.filter(({ name }) => pattern.test(name));
  const [cores, trees] = [named(/^core-/), named(/^mountpoints-/)];
  if (cores.length === 0) throw refused('it has no process');
  if (trees.length !== 1) throw refused(`it has ${trees.length} tables of mounts`);
  const found = seen(() => [
    ...namespaceExcesses(criuImages(), {
      ...{ tasks: named(/^ids-/), inventories: named(/^inventory/), mounts: trees.map(({ name }) => name) },
    }),
    ...coreExcesses(criuImages(), cores, named(/^seccomp/)[0], granted),
    ...trees.flatMap((tree) => mountDifferences(tree, mounts)),
  ]);
  if (found.length === 0) return;
  const more = found.length > TOLD ? ` and ${found.length - TOLD} more` : '';
  throw refused(`it asks for more than the pod allows: ${found.slice(0, TOLD).join('; ')}${more}`);
}

/** Reads a sample of each image, which the first time takes long: ahead of the freeze. Idempotent. */
export function rehearseArchiveGuard(granted: Granted): void {
  const sample = (message: string): Named => ({ name: 'sample', data: criuImages().sample(message) });
  coreExcesses(criuImages(), [sample('core_entry')], sample('seccomp_entry'), granted);
  mountDifferences(sample('mnt_entry'), []);
  const [tasks, inventories] = [[sample('task_kobj_ids_entry')], [sample('inventory_entry')]];
  namespaceExcesses(criuImages(), { tasks, inventories, mounts: [] });
}

function seen(look: () => string[]): string[] {
  try {
    return look();
  } catch (error) {
    if (error instanceof HelperFailure) throw refused(`${error.message}: ${error.detail.slice(0, 200)}`);
    throw error;
  }
}

/** Mounts that the container did not have, or that are not there, or that could be written to and could not before. */
function mountDifferences({ name, data }: Named, mounts: readonly StartedMount[]): string[] {
  const entries = criuImages().entries(name, data, 'mnt_entry', mount);
  const ids = new Set(entries.map(({ mnt_id }) => mnt_id));
  const left = [...mounts];
  const found: string[] = [];
  for (const entry of entries) {
    const at = left.findIndex((each) => isThat(entry, each, !ids.has(entry.parent_mnt_id)));
    if (at < 0) found.push(`${name}: a mount at ${entry.mountpoint} that the container did not have`);
    else left.splice(at, 1);
  }
  return [...found, ...left.map(({ mountPoint }) => `${name}: no mount at ${mountPoint}, where the container had one`)];
}

/** Whether CRIU would mount the same in that place: by itself, or what the target's runtime tells it for that very name. */
function isThat(entry: Mount, { mountPoint, fsType, readOnly }: StartedMount, isRoot: boolean): boolean {
  const { mountpoint, ext_key, flags, root, fstype, ext_mount, with_plugin } = entry;
  if (mountpoint !== mountPoint || isRoot !== (mountPoint === '/') || ext_mount || with_plugin) return false;
  if (readOnly && (flags & READ_ONLY) === 0) return false;
  if (ext_key === MASK.key) return root === MASK.root && MASK.over.test(mountPoint);
  if (ext_key !== '') return !isRoot && ext_key === mountPoint;
  return isRoot || OWN.get(fstype) === fsType;
}

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Capability, capabilitySet } from '../capabilities.ts';
import type { CriuImages } from './criu-image.ts';
import { filtersOf, withFilters } from './filters.ts';
import { grantedTo, type Named, tasksIn } from './guard.ts';

const CORE = /^core-\d+\.img$/;
const CAPABILITY_SETS = ['cap_inh', 'cap_prm', 'cap_eff', 'cap_bnd', 'cap_amb'] as const;

/** What of CRIU's definitions is changed here: 32-bit words, the lowest first, and groups of mounts that share events. */
interface Core {
  readonly thread_core: { readonly creds: Partial<Record<(typeof CAPABILITY_SETS)[number], number[] | undefined>> };
}
interface Mount {
  readonly ext_key?: string;
  shared_id?: number;
  master_id?: number;
}

/**
 * Makes the images in a folder fit a placeholder that another runtime may have made than the source: capabilities that the
 * tasks `mayLose` are gone from them where the pod does not grant them, their first seccomp filters are those of the
 * placeholder, and the pod's mounts are private. Idempotent. Throws `not-movable` for images that cannot be read.
 */
export function fitImages(
  images: CriuImages,
  folder: string,
  placeholderPid: number,
  mayLose: readonly Capability[],
): void {
  const granted = grantedTo(placeholderPid);
  const lost = capabilitySet(mayLose) & ~granted.bounding;
  const change = (name: string, act: (image: Named) => Buffer) => {
    const file = path.join(folder, name);
    const data = readFileSync(file);
    const changed = act({ name, data });
    if (changed !== data) writeFileSync(file, changed);
  };
  const names = readdirSync(folder);
  if (granted.seccompFilters > 0 && names.includes('seccomp.img')) {
    const cores = names.filter((name) => CORE.test(name));
    const read = cores.map((name) => ({ name, data: readFileSync(path.join(folder, name)) }));
    const tasks = tasksIn(images, read).map(({ task }) => task.thread_core);
    change('seccomp.img', (image) => withFilters(images, image, tasks, filtersOf(placeholderPid)));
  }
  for (const name of names) {
    if (lost !== 0n && CORE.test(name)) change(name, (image) => withoutCapabilities(images, image, lost));
    if (/^mountpoints-\d+\.img$/.test(name)) change(name, (image) => withPrivateMounts(images, image));
  }
}

/** The image of a task that has none of these capabilities in any of its sets; the very one where it had none. Pure. */
export function withoutCapabilities(images: CriuImages, { name, data }: Named, lost: bigint): Buffer {
  const lostIn = (index: number) => Number((lost >> BigInt(32 * index)) & 0xffffffffn);
  return images.rewritten<Core>(name, data, 'core_entry', ({ thread_core: { creds } }) => {
    const having = CAPABILITY_SETS.filter((set) => creds[set]?.some((word, index) => (word & lostIn(index)) !== 0));
    for (const set of having) creds[set] = creds[set]?.map((word, index) => (word & ~lostIn(index)) >>> 0);
    return having.length > 0;
  });
}

/**
 * The image of mounts in which those of the pod share events with none; the very one where they do not. CRIU would copy the
 * sharing from the placeholder's mounts, which differ between runtimes: CRI-O binds several files of one host mount, which
 * CRIU cannot put together from containerd's (mount-v2.c, restore_one_sharing). Pure.
 */
export function withPrivateMounts(images: CriuImages, { name, data }: Named): Buffer {
  return images.rewritten<Mount>(name, data, 'mnt_entry', (entry) => {
    if (!entry.ext_key || (!entry.shared_id && !entry.master_id)) return false;
    delete entry.shared_id;
    delete entry.master_id;
    return true;
  });
}

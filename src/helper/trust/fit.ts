import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { type Capability, capabilitySet } from '../capabilities.ts';
import type { CriuImages } from './criu-image.ts';
import { grantedTo, type Named } from './guard.ts';

const CAPABILITY_SETS = ['cap_inh', 'cap_prm', 'cap_eff', 'cap_bnd', 'cap_amb'] as const;
type CapabilitySet = (typeof CAPABILITY_SETS)[number];

/** What of CRIU's definitions is changed here: 32-bit words, the lowest first, and groups of mounts that share events. */
interface Core {
  readonly thread_core: { readonly creds: Partial<Record<CapabilitySet, number[]>> };
}
interface Mount {
  readonly ext_key?: string;
  shared_id?: number;
  master_id?: number;
}
const words = z.array(z.int().nonnegative()).default([]);
const core = z.looseObject({
  thread_core: z.looseObject({
    creds: z.looseObject(
      Object.fromEntries(CAPABILITY_SETS.map((set) => [set, words])) as Record<CapabilitySet, typeof words>,
    ),
  }),
});
const group = z.int().nonnegative().default(0);
const mount = z.looseObject({ ext_key: z.string().default(''), shared_id: group, master_id: group });

/**
 * Makes the images in a folder fit a placeholder that another runtime may have made than the source: capabilities that the
 * tasks `mayLose` are gone from them where the pod does not grant them, and the pod's mounts are private. Idempotent. Throws
 * `not-movable` for images that cannot be read.
 */
export function fitImages(
  images: CriuImages,
  folder: string,
  placeholderPid: number,
  mayLose: readonly Capability[],
): void {
  const lost = mayLose.length === 0 ? 0n : capabilitySet(mayLose) & ~grantedTo(placeholderPid).bounding;
  const change = (name: string, act: (image: Named) => Buffer) => {
    const file = path.join(folder, name);
    const data = readFileSync(file);
    const changed = act({ name, data });
    if (changed !== data) writeFileSync(file, changed);
  };
  for (const name of readdirSync(folder)) {
    if (lost !== 0n && /^core-\d+\.img$/.test(name)) change(name, (image) => withoutCapabilities(images, image, lost));
    if (/^mountpoints-\d+\.img$/.test(name)) change(name, (image) => withPrivateMounts(images, image));
  }
}

/** The image of a task that has none of these capabilities in any of its sets; the very one where it had none. Pure. */
export function withoutCapabilities(images: CriuImages, { name, data }: Named, lost: bigint): Buffer {
  const lostIn = (index: number) => Number((lost >> BigInt(32 * index)) & 0xffffffffn);
  const has = ({ thread_core: { creds } }: z.infer<typeof core>) =>
    CAPABILITY_SETS.some((set) => creds[set].some((word, index) => (word & lostIn(index)) !== 0));
  if (!images.entries(name, data, 'core_entry', core).some(has)) return data;
  return images.rewritten<Core>(name, data, 'core_entry', ({ thread_core: { creds } }) => {
    for (const set of CAPABILITY_SETS) {
      const had = creds[set];
      if (had) creds[set] = had.map((word, index) => (word & ~lostIn(index)) >>> 0);
    }
  });
}

/**
 * The image of mounts in which those of the pod share events with none; the very one where they do not. CRIU would copy the
 * sharing from the placeholder's mounts, which differ between runtimes: CRI-O binds several files of one host mount, which
 * CRIU cannot put together from containerd's (mount-v2.c, restore_one_sharing). Pure.
 */
export function withPrivateMounts(images: CriuImages, { name, data }: Named): Buffer {
  const shares = ({ ext_key, shared_id, master_id }: z.infer<typeof mount>) =>
    ext_key !== '' && (shared_id !== 0 || master_id !== 0);
  if (!images.entries(name, data, 'mnt_entry', mount).some(shares)) return data;
  return images.rewritten<Mount>(name, data, 'mnt_entry', (entry) => {
    if (!entry.ext_key) return;
    delete entry.shared_id;
    delete entry.master_id;
  });
}

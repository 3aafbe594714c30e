import { z } from 'zod';
import type { MountInfo } from '../mounts.ts';
import type { CriuImages, Named } from './criu-image.ts';

/** MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC of mount(2): what a mount may have more of, never less. */
const LIMITING: Readonly<Record<string, number>> = { ro: 1, nosuid: 2, nodev: 4, noexec: 8 };
const ALL_LIMITS = 15;
const READ_ONLY = 1;
/** MS_NOATIME, MS_NODIRATIME, MS_RELATIME; MS_STRICTATIME where none of them is. */
const TIMES: Readonly<Record<string, number>> = { noatime: 0x400, nodiratime: 0x800, relatime: 0x200000 };
const STRICT_TIMES = 0x1000000;
/** PROC of CRIU's enum fstype. */
const PROC = 1;
/** Device numbers of mounts that are added, which no kernel gives: minor numbers begin at the lowest. */
const ADDED_DEVICES = 0xff000;

/** Mounts that a handover may name; with more of them nothing is compared. */
const MOST = 4096;

const id = z.int().nonnegative();
const mount = z.looseObject({
  ...{ mnt_id: id, parent_mnt_id: id, root_dev: id, fstype: id, flags: id, sb_flags: id.optional() },
  ...{ mountpoint: z.string(), root: z.string(), ext_key: z.string().optional() },
  ...{ with_plugin: z.boolean().default(false), ext_mount: z.boolean().default(false) },
});
type Mount = z.infer<typeof mount>;

/** A mount of the target's container, by which one of an image is measured. */
export interface GrantedMount {
  readonly mountPoint: string;
  readonly fsType: string;
  /** The directory of the file system that is mounted. */
  readonly root: string;
  /** As mount(2) takes them. */
  readonly flags: number;
  /** How many are on top of each other there; all else is said of the uppermost. */
  readonly count: number;
}
export type GrantedMounts = ReadonlyMap<string, GrantedMount>;

/** The mounts of a container by their places. `marks`: files that count as mounts on themselves. Pure. */
export function grantedMounts(mounts: readonly MountInfo[], marks: readonly string[] = []): GrantedMounts {
  const granted = new Map<string, GrantedMount>();
  for (const { mountPoint, fsType, root, options } of mounts) {
    const flag = (flags: Readonly<Record<string, number>>) =>
      options.reduce((all, option) => all | (flags[option] ?? 0), 0);
    const flags = flag(LIMITING) | (flag(TIMES) || STRICT_TIMES);
    granted.set(mountPoint, { mountPoint, fsType, root, flags, count: (granted.get(mountPoint)?.count ?? 0) + 1 });
  }
  for (const mountPoint of marks)
    granted.set(mountPoint, { mountPoint, fsType: '', root: mountPoint, flags: 0, count: 1 });
  return granted;
}

/**
 * Whether a mount there hides something of the kernel, or forbids to write it. One runtime has it and another one not: the
 * list (`maskedPaths`, `readonlyPaths`) depends on the version of kubelet, and what of it exists on the kernel. Pure.
 */
export const isMask = (point: string) => /^\/(?:proc|sys)\//.test(point) && !/^\/sys\/fs\/cgroup(?:\/|$)/.test(point);

/** The masks that the container has and these lack, outer ones first. */
function lacking(mounts: readonly Mount[], granted: GrantedMounts): GrantedMount[] {
  const there = new Set(mounts.map(({ mountpoint }) => mountpoint));
  const masks = [...granted.values()].filter(({ mountPoint }) => isMask(mountPoint) && !there.has(mountPoint));
  return masks.toSorted((a, b) => a.mountPoint.length - b.mountPoint.length);
}

/** The innermost of the mounts that a path lies in, itself left out. */
function around<T extends Pick<Mount, 'mountpoint'>>(mounts: readonly T[], point: string): T | undefined {
  const outer = mounts.filter(({ mountpoint }) => mountpoint !== point && isWithin(point, mountpoint));
  return outer.toSorted((a, b) => b.mountpoint.length - a.mountpoint.length)[0];
}

const isWithin = (point: string, outer: string) => point.startsWith(outer === '/' ? '/' : `${outer}/`);

function mountsIn(images: CriuImages, { name, data }: Named): Mount[] {
  return images.entries(name, data, 'mnt_entry', mount);
}

/**
 * What an image of mounts asks for beyond what is granted, each with the image's name: CRIU makes `/` of the container's own
 * and `/proc` afresh, and every other mount has to be the one that the container has at the same place, with its limits, and
 * not beneath another one. Pure.
 */
export function mountExcesses(images: CriuImages, image: Named, granted: GrantedMounts): string[] {
  const mounts = mountsIn(images, image);
  if (mounts.length > MOST) return [`${image.name}: ${mounts.length} mounts`];
  const found = mounts.flatMap((each) => excessesOf(each, mounts, granted));
  for (const point of ['/', '/proc'])
    if (!mounts.some(({ mountpoint }) => mountpoint === point)) found.push(`no mount at ${point}`);
  for (const { mountPoint } of lacking(mounts, granted)) found.push(`no mount at ${mountPoint}`);
  return [...new Set(found)].map((what) => `${image.name}: ${what}`);
}

function excessesOf(each: Mount, mounts: readonly Mount[], granted: GrantedMounts): string[] {
  const { mountpoint, ext_key, flags, sb_flags } = each;
  const place = granted.get(mountpoint);
  const made = mountpoint === '/' || mountpoint === '/proc';
  if (!place || ext_key !== (made ? undefined : mountpoint) || each.with_plugin || each.ext_mount)
    return [`a mount of its own at ${mountpoint}`];
  const found: string[] = [];
  if (mountpoint === '/proc' && (each.fstype !== PROC || each.root !== '/'))
    found.push('a mount of its own at /proc, which is no procfs');
  // Without flags of the file system CRIU leaves this one out of the mount's (criu/mount.c).
  const effective = sb_flags === undefined ? flags & ~READ_ONLY : flags;
  const less = Object.entries(LIMITING).filter(([, flag]) => (place.flags & ~effective & flag) !== 0);
  if (less.length > 0) found.push(`the mount at ${mountpoint} without ${less.map(([name]) => name).join(', ')}`);
  if (mounts.filter((other) => other.mountpoint === mountpoint).length > place.count)
    found.push(`several mounts at ${mountpoint}`);
  if (!isPlaced(each, mounts)) found.push(`the mount at ${mountpoint} beneath another one`);
  if (
    mountpoint !== '/proc' &&
    isLikeProc(each, mounts) &&
    (place.fsType !== 'proc' || each.root !== place.root || each.root === '/')
  )
    found.push(`the mount at ${mountpoint} as the one at /proc`);
  return found;
}

/** Whether its parent is the mount that it lies in, or another one at its very place: elsewhere something could cover it. */
function isPlaced({ mountpoint, parent_mnt_id }: Mount, mounts: readonly Mount[]): boolean {
  const parents = mounts.filter(({ mnt_id }) => mnt_id === parent_mnt_id);
  if (mountpoint === '/') return parents.length === 0;
  const [parent] = parents;
  if (parents.length !== 1 || !parent) return false;
  return parent.mountpoint === mountpoint || parent.mountpoint === around(mounts, mountpoint)?.mountpoint;
}

/** Whether CRIU would take it for another view of `/proc`, and might bind that from it instead of making it. */
const isLikeProc = ({ root_dev }: Mount, mounts: readonly Mount[]) =>
  mounts.some((other) => other.mountpoint === '/proc' && other.root_dev === root_dev);

/**
 * The image of mounts in which each has the limits of the one that the container has at its place, those that hide something
 * of the kernel are the container's, and those of the pod share events with none; the very one where they are so already.
 * CRIU would copy the sharing from the container's mounts, which differ between runtimes: CRI-O binds several files of one
 * host mount, which CRIU cannot put together from containerd's (mount-v2.c, restore_one_sharing). Pure.
 */
export function withGrantedMounts(
  images: CriuImages,
  image: Named,
  granted: GrantedMounts,
): { data: Buffer; added: string[] } {
  const { name } = image;
  const limited = images.rewritten<Changed>(name, image.data, 'mnt_entry', (entry) => {
    const flags = (entry.flags | ((granted.get(entry.mountpoint)?.flags ?? 0) & ALL_LIMITS)) >>> 0;
    const shares = Boolean(entry.ext_key && (entry.shared_id || entry.master_id));
    const changed = shares || flags !== entry.flags;
    entry.flags = flags;
    if (shares) {
      delete entry.shared_id;
      delete entry.master_id;
    }
    return changed;
  });
  const mounts = mountsIn(images, { name, data: limited });
  const kept = ({ mountpoint }: Mount) => granted.has(mountpoint) || !isMask(mountpoint);
  const all: Pick<Mount, 'mnt_id' | 'mountpoint'>[] = mounts.filter(kept);
  const highest = mounts.reduce((most, { mnt_id }) => Math.max(most, mnt_id), 0);
  const added = lacking(mounts, granted).map(({ mountPoint, fsType, flags }, index) => {
    const entry = {
      ...{ fstype: 0, mnt_id: highest + 1 + index, root_dev: ADDED_DEVICES + index },
      ...{ parent_mnt_id: around(all, mountPoint)?.mnt_id ?? 0, flags, sb_flags: 0, root: '/', mountpoint: mountPoint },
      ...{ source: fsType, options: '', ext_key: mountPoint },
    };
    all.push(entry);
    return entry;
  });
  const keep = mounts.map(kept);
  const data = images.relisted(name, limited, 'mnt_entry', { keep: (index) => keep[index] === true, add: added });
  return { data, added: added.map(({ mountpoint }) => mountpoint) };
}

/** What of an image's mount is changed. */
interface Changed {
  readonly mountpoint: string;
  readonly ext_key?: string;
  flags: number;
  shared_id?: number;
  master_id?: number;
}

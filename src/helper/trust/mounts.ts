import { z } from 'zod';
import type { MountInfo } from '../mounts.ts';
import type { CriuImages, Named } from './criu-image.ts';

/** MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC of mount(2): what a mount may have more of, never less. */
const LIMITING: Readonly<Record<string, number>> = { ro: 1, nosuid: 2, nodev: 4, noexec: 8 };
const ALL_LIMITS = 15;
/** MS_NOATIME, MS_NODIRATIME, MS_RELATIME; MS_STRICTATIME where none of them is. */
const TIMES: Readonly<Record<string, number>> = { noatime: 0x400, nodiratime: 0x800, relatime: 0x200000 };
const STRICT_TIMES = 0x1000000;
/** MS_UNBINDABLE, MS_PRIVATE, MS_SLAVE, MS_SHARED, which CRIU sets by themselves. */
const SHARING = 0x1e0000;
const KNOWN_FLAGS = ALL_LIMITS | 0x400 | 0x800 | 0x200000 | STRICT_TIMES | SHARING;
/** MS_RDONLY, MS_SYNCHRONOUS, MS_MANDLOCK, MS_DIRSYNC: what CRIU's dump tells of a file system (criu/proc_parse.c). */
const KNOWN_SB_FLAGS = 0xd1;
/** File systems that CRIU makes for a container, by their number in CRIU's enum fstype, as the kernel calls them. */
const MADE: ReadonlyMap<number, string> = new Map([
  [1, 'proc'],
  [2, 'sysfs'],
  [5, 'tmpfs'],
  [6, 'devpts'],
  [14, 'mqueue'],
  [23, 'cgroup2'],
]);
/** Device numbers of mounts that are added, which no kernel gives: minor numbers begin at the lowest. */
const ADDED_DEVICES = 0xff000;

/** Mounts that a handover may name; with more of them nothing is compared. */
const MOST = 4096;

const id = z.int().nonnegative();
const mount = z.looseObject({
  ...{ mnt_id: id, parent_mnt_id: id, root_dev: id, fstype: id, flags: id, sb_flags: id.optional() },
  ...{ shared_id: id.default(0), master_id: id.default(0) },
  ...{ mountpoint: z.string(), root: z.string(), ext_key: z.string().optional() },
  ...{ with_plugin: z.boolean().default(false), ext_mount: z.boolean().default(false) },
});
type Mount = z.infer<typeof mount>;

/**
 * How an engine has CRIU come by the mounts of a container. `originOf`: whether it makes one afresh or binds what there is
 * for that very place, as `granted` has it; undefined where neither is the engine's way. `isNeeded`: whether a place must have one.
 */
export interface MountRules {
  readonly originOf: (mount: Readonly<Pick<Mount, 'mountpoint' | 'root' | 'ext_key'>>) => 'made' | 'bound' | undefined;
  readonly isNeeded: (mountPoint: string) => boolean;
}

/** A mount of a container, by which one of an image is measured. */
export interface GrantedMount {
  readonly mountPoint: string;
  readonly fsType: string;
  /** The directory of the file system that is mounted. */
  readonly root: string;
  /** As mount(2) takes them. */
  readonly flags: number;
  /** Whether others see what is mounted in it, and whether it shows what is mounted elsewhere. */
  readonly shared: boolean;
  readonly follows: boolean;
  /** How many are on top of each other there; all else is said of the uppermost. */
  readonly count: number;
}
export type GrantedMounts = ReadonlyMap<string, GrantedMount>;

/** The mounts of a container by their places. `marks`: files that count as mounts on themselves. Pure. */
export function grantedMounts(
  mounts: readonly (Pick<MountInfo, 'mountPoint' | 'fsType' | 'root'> & {
    readonly options: readonly string[];
    readonly sharing: readonly string[];
  })[],
  marks: readonly string[] = [],
): GrantedMounts {
  const granted = new Map<string, GrantedMount>();
  for (const { mountPoint, fsType, root, options, sharing } of mounts) {
    const flag = (flags: Readonly<Record<string, number>>) =>
      options.reduce((all, option) => all | (flags[option] ?? 0), 0);
    const flags = flag(LIMITING) | (flag(TIMES) || STRICT_TIMES);
    const shares = (how: string) => sharing.some((each) => each.startsWith(`${how}:`));
    granted.set(mountPoint, {
      ...{ mountPoint, fsType, root, flags, count: (granted.get(mountPoint)?.count ?? 0) + 1 },
      ...{ shared: shares('shared'), follows: shares('master') },
    });
  }
  for (const mountPoint of marks)
    granted.set(mountPoint, {
      mountPoint,
      fsType: '',
      root: mountPoint,
      flags: 0,
      count: 1,
      shared: false,
      follows: false,
    });
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

/** With the helper engine CRIU makes `/` of the container's own and `/proc` afresh, and binds all else from where it lies. */
export const BESIDE_PLACEHOLDER: MountRules = {
  originOf: ({ mountpoint, ext_key }) => {
    if (mountpoint === '/' || mountpoint === '/proc') return ext_key === undefined ? 'made' : undefined;
    return ext_key === mountpoint ? 'bound' : undefined;
  },
  isNeeded: (point) => point === '/' || point === '/proc' || isMask(point),
};

/**
 * What an image of mounts asks for beyond what is granted, each with the image's name: every mount has to be the one that the
 * container has at the same place, come by as the engine has it, with its limits, and not beneath another one. Pure.
 */
export function mountExcesses(images: CriuImages, image: Named, granted: GrantedMounts, rules: MountRules): string[] {
  const mounts = mountsIn(images, image);
  if (mounts.length > MOST) return [`${image.name}: ${mounts.length} mounts`];
  const found = mounts.flatMap((each) => excessesOf(each, mounts, granted, rules));
  const there = new Set(mounts.map(({ mountpoint }) => mountpoint));
  for (const point of new Set(['/', '/proc', ...granted.keys()]))
    if (rules.isNeeded(point) && !there.has(point)) found.push(`no mount at ${point}`);
  return [...new Set(found)].map((what) => `${image.name}: ${what}`);
}

function excessesOf(each: Mount, mounts: readonly Mount[], granted: GrantedMounts, rules: MountRules): string[] {
  const { mountpoint, flags, sb_flags } = each;
  const place = granted.get(mountpoint);
  const origin = rules.originOf(each);
  if (!place || !origin || each.with_plugin || each.ext_mount || (origin === 'made' && !isOfItsKind(each, place)))
    return [`a mount of its own at ${mountpoint}`];
  const found: string[] = [];
  // CRIU takes those of old images apart in its own way, and hands on to mount(2) what it does not know (criu/mount.c).
  if (sb_flags === undefined || (flags & ~KNOWN_FLAGS) !== 0 || (sb_flags & ~KNOWN_SB_FLAGS) !== 0)
    found.push(`the mount at ${mountpoint} with flags that no mount has`);
  const less = Object.entries(LIMITING).filter(([, flag]) => (place.flags & ~flags & flag) !== 0);
  if (less.length > 0) found.push(`the mount at ${mountpoint} without ${less.map(([name]) => name).join(', ')}`);
  if ((each.shared_id !== 0 && !place.shared) || (each.master_id !== 0 && !place.follows))
    found.push(`the mount at ${mountpoint} with the node’s in it`);
  if (mountpoint === '/proc' && (flags & ~place.flags & ALL_LIMITS) !== 0)
    found.push('the mount at /proc with more limits than it has');
  if (mounts.filter((other) => other.mountpoint === mountpoint).length > place.count)
    found.push(`several mounts at ${mountpoint}`);
  if (!isPlaced(each, mounts)) found.push(`the mount at ${mountpoint} beneath another one`);
  if (
    mountpoint !== '/proc' &&
    isLikeProc(each, mounts) &&
    (place.fsType !== 'proc' || each.root !== place.root || each.root === '/')
  )
    found.push(`the mount at ${mountpoint} as the one at /proc`);
  const like = place.fsType === 'proc' && mountpoint !== '/proc' ? likenessOf(each, mounts, granted) : undefined;
  if (like) found.push(`the mount at ${mountpoint} as the one at ${like.mountpoint}`);
  return found;
}

/**
 * Whether CRIU would make a file system as the container has it there, and all or the part of it that is mounted. A root is
 * the container's own, whatever it is; those of control groups are named as whoever looks sees them.
 */
function isOfItsKind({ mountpoint, fstype, root }: Mount, { fsType, root: granted }: GrantedMount): boolean {
  return mountpoint === '/' || (MADE.get(fstype) === fsType && (root === granted || fsType === 'cgroup2'));
}

/** Whether its parent is the mount that it lies in, or another one at its very place: elsewhere something could cover it. */
function isPlaced(each: Mount, mounts: readonly Mount[]): boolean {
  const { mountpoint, parent_mnt_id } = each;
  const parents = mounts.filter(({ mnt_id }) => mnt_id === parent_mnt_id);
  if (mountpoint === '/') return parents.length === 0;
  const [parent] = parents;
  if (parents.length !== 1 || !parent || parent === each) return false;
  // A circle of them would hang on nothing, and CRIU would leave it out.
  if (parent.mountpoint === mountpoint) {
    return isPlaced(
      parent,
      mounts.filter((other) => other !== each),
    );
  }
  return parent.mountpoint === around(mounts, mountpoint)?.mountpoint;
}

/** Whether CRIU would take it for another view of `/proc`, and might bind that from it instead of making it. */
const isLikeProc = ({ root_dev }: Mount, mounts: readonly Mount[]) =>
  mounts.some((other) => other.mountpoint === '/proc' && other.root_dev === root_dev);

/**
 * Another mount of whose file system CRIU might take this one for a part, with the same flags: then it would not set them
 * (criu/mount-v2.c, do_bind_mount_v2), and what it binds may be writable.
 */
function likenessOf(each: Mount, mounts: readonly Mount[], granted: GrantedMounts): Mount | undefined {
  const isItself = (mount: Mount) => granted.get(mount.mountpoint)?.root === mount.root;
  const isApart = (other: Mount) =>
    isItself(each) && isItself(other) && other.root !== each.root && !isWithin(each.root, other.root);
  return mounts.find(
    (other) =>
      other !== each &&
      other.root_dev === each.root_dev &&
      (other.flags & ~SHARING) === (each.flags & ~SHARING) &&
      !isApart(other),
  );
}

/**
 * The image of mounts in which each has the limits of the one that the container has at its place, those that hide something
 * of the kernel are the container's, and none shares events with another; the very one where they are so already.
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
    const shares = Boolean(entry.shared_id || entry.master_id);
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
  flags: number;
  shared_id?: number;
  master_id?: number;
}

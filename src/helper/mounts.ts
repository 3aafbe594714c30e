import { readFileSync } from 'node:fs';

/** One line of /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
export type MountInfo = {
  /** Of the file system: `major:minor`. */
  device: string;
  /** The directory of the file system that is mounted. */
  root: string;
  mountPoint: string;
  fsType: string;
  source: string;
  /** Of this mount alone. */
  options: string[];
  superOptions: string[];
  /** With whom it shares that something is mounted in it: `shared:1`, `master:2`. */
  sharing: string[];
};

/** Undoes the kernel's octal escapes of blank, tab, newline and backslash (seq_path, fs/seq_file.c). */
export function unescapePath(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** Reads the text of a mountinfo file. Lines that are none are left out. */
export function parseMountInfo(text: string): MountInfo[] {
  const mounts: MountInfo[] = [];
  for (const line of text.split('\n')) {
    const [before, after] = line.split(' - ');
    const [, , device, root, mountPoint, options, ...sharing] = before?.split(' ') ?? [];
    const [fsType, source, superOptions] = after?.split(' ') ?? [];
    if (!device || !root || !mountPoint || !options || !fsType || source === undefined) continue;
    mounts.push({
      device,
      root: unescapePath(root),
      mountPoint: unescapePath(mountPoint),
      fsType,
      source: unescapePath(source),
      options: options.split(','),
      superOptions: (superOptions ?? '').split(','),
      sharing,
    });
  }
  return mounts;
}

/** Where every container of a pod sees the memory that they share; the runtime mounts the sandbox's there. */
export const SHARED_MEMORY = '/dev/shm';

/**
 * The mount points that CRIU must expect from outside: all but `/proc` itself, which it mounts afresh (declared
 * external, a second move of a non-root process fails).
 */
export function externalMountPoints(mounts: readonly MountInfo[]): string[] {
  const points = new Set(mounts.map(({ mountPoint }) => mountPoint));
  points.delete('/proc');
  return [...points];
}

/** What the kernel does with a renamed directory when a mount does not say (overlayfs.rst, "Renaming directories"). */
function redirectsByDefault(): boolean {
  try {
    return readFileSync('/sys/module/overlay/parameters/redirect_dir', 'utf8').trim() === 'Y';
  } catch {
    return false;
  }
}

/**
 * The overlay's upper directory of mount `/`, a path of the node; undefined when the root is no overlay or is one whose
 * upper directory alone does not tell what changed (`redirect_dir`). Mounts show that option only where it differs from
 * the kernel's default.
 */
export function upperDirectory(mounts: readonly MountInfo[], redirects = redirectsByDefault()): string | undefined {
  const root = mounts.findLast(({ mountPoint }) => mountPoint === '/');
  if (root?.fsType !== 'overlay') return undefined;
  const option = (name: string) => root.superOptions.find((each) => each.startsWith(name))?.slice(name.length);
  const redirect = option('redirect_dir=');
  if (redirect === undefined ? redirects : redirect === 'on') return undefined;
  const upper = unescapePath(option('upperdir=') ?? '').replaceAll('\\:', ':');
  return upper.startsWith('/') ? upper : undefined;
}

/** One line of /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
export type MountInfo = {
  /** The directory of the file system that is mounted. */
  root: string;
  mountPoint: string;
  fsType: string;
  source: string;
  readOnly: boolean;
  superOptions: string[];
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
    const [, , , root, mountPoint, options] = before?.split(' ') ?? [];
    const [fsType, source, superOptions] = after?.split(' ') ?? [];
    if (!root || !mountPoint || !options || !fsType || source === undefined) continue;
    mounts.push({
      root: unescapePath(root),
      mountPoint: unescapePath(mountPoint),
      fsType,
      source: unescapePath(source),
      readOnly: options.split(',').includes('ro'),
      superOptions: (superOptions ?? '').split(','),
    });
  }
  return mounts;
}

/**
 * The mount points that CRIU must expect from outside: all but `/proc` itself, which it mounts afresh (declared
 * external, a second move of a non-root process fails), and `/dev/shm`, whose content it carries. A `/dev/shm` that
 * is a volume of the pod stays external: its content moves as a volume.
 */
export function externalMountPoints(mounts: readonly MountInfo[], volumePaths: readonly string[]): string[] {
  const points = new Set(mounts.map(({ mountPoint }) => mountPoint));
  points.delete('/proc');
  if (!volumePaths.includes('/dev/shm')) points.delete('/dev/shm');
  return [...points];
}

/**
 * The overlay's upper directory of mount `/`, a path of the node; undefined when the root is no overlay or is one whose
 * upper directory alone does not tell what changed (`redirect_dir`).
 */
export function upperDirectory(mounts: readonly MountInfo[]): string | undefined {
  const root = mounts.findLast(({ mountPoint }) => mountPoint === '/');
  if (root?.fsType !== 'overlay') return undefined;
  if (root.superOptions.some((option) => option === 'redirect_dir=on')) return undefined;
  const option = root.superOptions.find((each) => each.startsWith('upperdir='));
  const upper = option && unescapePath(option.slice('upperdir='.length)).replaceAll('\\:', ':');
  return upper?.startsWith('/') ? upper : undefined;
}

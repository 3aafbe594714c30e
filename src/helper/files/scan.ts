import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { HelperFailure } from '../failure.ts';

/** What tells whether a file changed. */
export type FileState = {
  kind: 'file' | 'directory' | 'whiteout' | 'other';
  size: number;
  /** Milliseconds since 1970; with {@link inode} it changes with every change of content or metadata. */
  changed: number;
  inode: number;
  /** Bytes on disk. */
  allocated: number;
};

/** A tree's files by path relative to it, parents before children; the root itself is `.`. */
export type Snapshot = Map<string, FileState>;

const OPEN_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

function kindOf(stats: Stats): FileState['kind'] {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  // overlayfs marks a removed file by a character device 0/0 (Documentation/filesystems/overlayfs.rst)
  return stats.isCharacterDevice() && stats.rdev === 0 ? 'whiteout' : 'other';
}

function stateOf(file: string): FileState | undefined {
  const stats = lstatSync(file, { throwIfNoEntry: false });
  if (!stats) return undefined;
  return {
    kind: kindOf(stats),
    size: stats.size,
    changed: stats.ctimeMs,
    inode: stats.ino,
    allocated: stats.blocks * 512,
  };
}

/**
 * Walks a directory that the container may change meanwhile. Every directory is opened without following a link and
 * read through its descriptor, so that a directory swapped for a link leads nowhere. `skip`: relative paths left out
 * with all below them; `withRoot`: the root is part of the tree. What vanishes during the walk is left out. Throws
 * `not-movable` for a name that is no UTF-8: it would be taken for one that vanished, and not arrive.
 */
export function scanTree(root: string, skip: ReadonlySet<string>, { withRoot }: { withRoot: boolean }): Snapshot {
  const found: Snapshot = new Map();
  const top = withRoot ? stateOf(root) : undefined;
  if (top) found.set('.', top);
  const walk = (directory: string, prefix: string) => {
    let fd: number;
    try {
      fd = openSync(directory, OPEN_DIRECTORY);
    } catch {
      return;
    }
    try {
      const here = `/proc/self/fd/${fd}`;
      for (const name of readdirSync(here)) {
        const relative = prefix + name;
        if (skip.has(relative)) continue;
        const state = stateOf(`${here}/${name}`);
        if (!state && name.includes('\ufffd')) throw notUtf8(relative);
        if (!state) continue;
        found.set(relative, state);
        if (state.kind === 'directory') walk(`${here}/${name}`, `${relative}/`);
      }
    } finally {
      closeSync(fd);
    }
  };
  walk(root, '');
  return found;
}

function notUtf8(path: string): HelperFailure {
  return new HelperFailure('not-movable', `a file name is not valid UTF-8, and such are not moved yet: ${path}`);
}

/** What a copy of the tree would carry. Hard links count once. */
export function sizeOf(snapshot: Snapshot): { bytes: number; files: number } {
  const seen = new Set<number>();
  let bytes = 0;
  for (const { inode, allocated, size } of snapshot.values()) {
    if (seen.has(inode)) continue;
    seen.add(inode);
    bytes += Math.min(allocated, size);
  }
  return { bytes, files: snapshot.size };
}

/**
 * The path, as the helper reaches it, of a path of a container: links are resolved as the container sees them
 * (absolute ones begin at its root). Throws for a path with too many links.
 */
export function resolveInRoot(root: string, path: string): string {
  const pending = path.split('/').filter(Boolean);
  let resolved: string[] = [];
  for (let hops = 0; pending.length > 0; ) {
    const name = pending.shift() ?? '';
    if (name === '.') continue;
    if (name === '..') {
      resolved.pop();
      continue;
    }
    const here = [root, ...resolved, name].join('/');
    if (!lstatSync(here, { throwIfNoEntry: false })?.isSymbolicLink()) {
      resolved.push(name);
      continue;
    }
    hops++;
    if (hops > 40) throw new HelperFailure('not-movable', `too many links in ${path}`);
    const target = readlinkSync(here);
    if (target.startsWith('/')) resolved = [];
    pending.unshift(...target.split('/').filter(Boolean));
  }
  return [root, ...resolved].join('/');
}

import { chmodSync, closeSync, existsSync, ftruncateSync, lstatSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { HelperFailure } from '../failure.ts';
import type { CriuImages } from '../trust/criu-image.ts';
import { resolveInRoot } from './scan.ts';

/** Bits of a mode that tell what a file is, and two of the kinds (inode(7)). */
const KIND = 0o170000;
const DIRECTORY = 0o040000;
const REGULAR = 0o100000;

/** What images say of files that have to be there: open or mapped ones, working directories, sockets, watched ones. */
const fileEntry = z.looseObject({
  reg: z.looseObject({ name: z.string(), size: z.number().optional(), mode: z.number().optional() }).optional(),
  usk: z.looseObject({ name: z.instanceof(Uint8Array) }).optional(),
  ify: z
    .looseObject({
      wd: z.array(z.looseObject({ f_handle: z.looseObject({ path: z.string().optional() }).optional() })).default([]),
    })
    .optional(),
});
type FileEntry = z.infer<typeof fileEntry>;

/** A file that a restore looks for, by the name that the container has for it. */
export interface Outlined {
  readonly name: string;
  /** With the kind of file; absent where only the directory that it lies in has to be there. */
  readonly mode?: number;
  readonly size?: number;
}

/** What the open files of an image are, as far as a restore looks for them by name. Pure. */
export function outlinedFiles(images: CriuImages, data: Buffer): Outlined[] {
  return images.entries('files.img', data, 'file_entry', fileEntry).flatMap(outlined);
}

function outlined({ reg, usk, ify }: FileEntry): Outlined[] {
  const { name, size, mode } = reg ?? {};
  const socket = usk === undefined ? '' : Buffer.from(usk.name).toString().replace(/\0.*$/, '');
  return [
    ...(name === undefined ? [] : [{ name, ...(size !== undefined && { size }), ...(mode !== undefined && { mode }) }]),
    ...(socket === '' ? [] : [{ name: socket }]),
    ...(ify?.wd ?? []).flatMap(({ f_handle: handle }) =>
      handle?.path === undefined ? [] : [{ name: handle.path, mode: DIRECTORY | 0o755 }],
    ),
  ].map((file) => ({ ...file, name: path.posix.join('/', file.name) }));
}

/**
 * Makes what an image has open below some mount points: empty files of the right size and mode, so that a restore can be
 * tried where the volumes themselves are not mounted. The mounts are empty ones that nobody else writes to. `root`: the
 * container's root as this process sees it. Idempotent. Throws `not-movable` for a kind of file that cannot be outlined.
 */
export function outline(images: CriuImages, folder: string, root: string, mountPoints: readonly string[]): void {
  const file = path.join(folder, 'files.img');
  if (mountPoints.length === 0 || !existsSync(file)) return;
  const mounts = mountPoints.map((point) => resolveInRoot(root, point).slice(root.length));
  const inside = outlinedFiles(images, readFileSync(file)).filter(({ name }) =>
    mounts.some((mount) => name === mount || name.startsWith(`${mount}/`)),
  );
  // Directories last: what is made in one must not find it closed.
  for (const one of inside.toSorted((a, b) => b.name.length - a.name.length)) make(root, one);
}

function make(root: string, { name, mode, size = 0 }: Outlined): void {
  const at = root + name;
  mkdirSync(path.dirname(at), { recursive: true });
  if (mode === undefined) return;
  const kind = mode & KIND;
  if (kind === DIRECTORY) mkdirSync(at, { recursive: true });
  else if (kind === REGULAR) {
    if (lstatSync(at, { throwIfNoEntry: false })?.isDirectory()) return;
    const fd = openSync(at, 'a');
    ftruncateSync(fd, size);
    closeSync(fd);
  } else throw new HelperFailure('not-movable', `${name} on a persistent volume is no ordinary file`);
  chmodSync(at, mode & 0o7777);
}

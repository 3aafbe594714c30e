import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Obstacle } from '../facts.ts';
import type { MountInfo } from '../mounts.ts';
import { readProc } from '../processes.ts';
import type { Descriptor } from './descriptors.ts';

/** What a process watches through inotify, by inode (proc_pid_fdinfo(5)). */
export type Watch = { inode: number; device: string };

/** Reads the text of an inotify descriptor's fdinfo. The device is the kernel's own number: 12 bits major, 20 minor. */
export function parseWatches(text: string): Watch[] {
  return [...text.matchAll(/^inotify wd:\S+ ino:([0-9a-f]+) sdev:([0-9a-f]+)/gm)].map(([, inode = '', device = '']) => {
    const number = Number.parseInt(device, 16);
    return { inode: Number.parseInt(inode, 16), device: `${number >>> 20}:${number & 0xfffff}` };
  });
}

/** Where a file lies that kubelet makes anew in the target under another name, by `device inode`. */
export type Remade = ReadonlyMap<string, string>;

/**
 * Why a watch would not come along; undefined when it does. CRIU finds a watched file by its handle, which overlayfs does
 * not give out, or by its name. Pure.
 */
export function watchObstacle(watch: Watch, rootDevice: string | undefined, remade: Remade): string | undefined {
  if (watch.device === rootDevice) return 'a file of the container’s own file system';
  return remade.get(`${watch.device} ${watch.inode}`);
}

/** Watches that cannot be restored, once for each process and place. */
export function watchObstacles(
  descriptors: readonly Descriptor[],
  rootPid: number,
  mounts: readonly MountInfo[],
): Obstacle[] {
  const inotify = descriptors.filter(({ target }) => target === 'anon_inode:inotify');
  if (inotify.length === 0) return [];
  const rootDevice = mounts.find(({ mountPoint }) => mountPoint === '/')?.device;
  const remade: Remade = new Map(mounts.flatMap((mount) => remadeFiles(mount, `/proc/${rootPid}/root`)));
  const found = inotify.flatMap(({ pid, fd, name }) =>
    parseWatches(readProc(pid, `fdinfo/${fd}`) ?? '').flatMap((watch) => {
      const where = watchObstacle(watch, rootDevice, remade);
      return where === undefined ? [] : `${name} watches ${where} (inotify)`;
    }),
  );
  return [...new Set(found)].map((detail) => ({ code: 'file-watch', detail }));
}

/** kubelet puts what a ConfigMap, Secret or token holds behind a link `..data` (atomic_writer.go). */
function remadeFiles({ mountPoint, device }: MountInfo, root: string): [string, string][] {
  const data = path.join(mountPoint, '..data');
  try {
    return ['.', ...readdirSync(root + data)].map((name) => [
      `${device} ${statSync(path.join(root + data, name)).ino}`,
      path.join(data, name),
    ]);
  } catch {
    // No such volume.
    return [];
  }
}

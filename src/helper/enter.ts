import { readProc } from './processes.ts';

/** The carried directory with CRIU, tar, their loader and libraries, and the mount helper. */
export const CRIU_HOME = '/opt/criu';
/** The mount helper (native/mount-helper.c). */
export const MOUNT_HELPER = `${CRIU_HOME}/mount-helper`;
/** Where a program that has a mount to itself sees it (`--alone`). */
export const ALONE = '/at';
/** Ends the list of arguments that the mount helper takes on stdin (`--arguments stdin`). */
export const ARGUMENTS_END = '--arguments-end';

/**
 * Arguments of the mount helper for running a program of {@link CRIU_HOME} inside a container's mount namespace only, so
 * that every path, link and mount is resolved as the container sees it: no link of the container can lead the program
 * out. The directory is mounted over /proc, which every container has and which is no part of what is copied.
 * `writable`: mounts that may be written to even when they are read-only for the container. `alone`: all that the program
 * sees is the mount at this path, as {@link ALONE}, without what is mounted below it.
 */
export function insideMounts(
  pid: number,
  options: { writable: readonly string[]; alone?: string },
  command: readonly string[],
): string[] {
  const [name, ...args] = command;
  const started =
    name === 'mount-helper' ? ['/proc/mount-helper'] : ['/proc/ld.so', '--library-path', '/proc/lib', `/proc/${name}`];
  return [
    ...['enter', '--pid', String(pid), '--ns', 'mnt'],
    ...(options.alone === undefined ? [] : ['--alone', options.alone]),
    ...['--bind', `${CRIU_HOME}=/proc`],
    ...options.writable.flatMap((mount) => ['--writable', mount]),
    ...['--', ...started, ...args],
  ];
}

/**
 * The `cgroup.procs` files of a process's cgroups on the node, through the node's own /sys/fs/cgroup: one a hierarchy
 * for v1, one for v2. Entering all of them makes what follows accounted to the container.
 */
export function cgroupFiles(cgroupText: string): string[] {
  return cgroupText
    .split('\n')
    .map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line))
    .flatMap((match) => (match ? [{ controllers: match[1] ?? '', path: match[2] ?? '' }] : []))
    .map(({ controllers, path }) => {
      const hierarchy = controllers.replace(/^name=/, '');
      return `/proc/1/root/sys/fs/cgroup/${hierarchy ? `${hierarchy}/` : ''}${path.slice(1)}/cgroup.procs`;
    });
}

/** {@link cgroupFiles} of a live process. */
export const cgroupFilesOf = (pid: number) => cgroupFiles(readProc(pid, 'cgroup') ?? '');

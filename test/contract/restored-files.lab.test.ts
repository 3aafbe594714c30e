import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { criuCommand } from '../../src/helper/criu.ts';
import { criuEntries } from '../../src/helper/image/layers.ts';
import { run } from '../../src/helper/image/run.ts';
import { compiledCriu, debianRoot } from '../../src/helper/image/toolchain.ts';
import { cacheFolder } from '../lab/cache.ts';
import { forge, labDescriptor } from '../support/criu-images.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/**
 * Has a file open in /file, one that is deleted in /deleted, a FIFO in /fifo, a socket in /socket, watches /watched, and is in
 * /directory.
 * Once there is a /go, it writes to the first one, and says in /said what it can open of the kernel for writing.
 */
const PROGRAM = `
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
int main(void) {
  umount2("/old", MNT_DETACH);
  int null = open("/dev/null", O_RDWR), socket_fd;
  for (int fd = 0; fd < 3; fd++) dup2(null, fd);
  close_range(3, ~0U, 0);
  setsid();
  umask(0);
  int file = open("/file/domainname", O_WRONLY | O_CREAT, 0644);
  if (open("/deleted/gone", O_RDWR | O_CREAT, 0600) < 0 || unlink("/deleted/gone")) return 1;
  if (mkfifo("/fifo/fifo", 0600) || open("/fifo/fifo", O_RDWR) < 0) return 1;
  struct sockaddr_un name = {AF_UNIX, "/socket/socket"};
  if ((socket_fd = socket(AF_UNIX, SOCK_STREAM, 0)) < 0 || bind(socket_fd, (void *)&name, sizeof name)) return 1;
  if (inotify_add_watch(inotify_init1(0), "/watched", IN_OPEN) < 0) return 1;
  if (listen(socket_fd, 1) || chdir("/directory")) return 1;
  close(open("/ready", O_CREAT, 0600));
  while (access("/go", F_OK)) usleep(10000);
  FILE *said = fopen("/said.new", "w");
  fprintf(said, "%s", write(file, "written", 7) == 7 ? "written" : strerror(errno));
  fprintf(said, ", %s", open("/proc/sys/kernel/domainname", O_WRONLY) < 0 ? strerror(errno) : "writable");
  fclose(said);
  rename("/said.new", "/said");
  for (;;) pause();
}
`;

/** A system with nothing but this one's programs, CRIU, its scratch directory and a container's files. */
const WORLD = `
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$HERE/world"
cd "$HERE/world"
mkdir -p usr proc dev old images criu container .kubectl-migrate/engine/scratch
for each in bin sbin lib lib64; do ln -s usr/$each $each; done
mount --bind /usr usr
for each in images criu container; do mount --bind "$HERE/$each" $each; done
mount -t tmpfs tmpfs .kubectl-migrate/engine/scratch
mount -t proc proc proc
mount --rbind /dev dev
pivot_root . old
cd /
umount -l /old
wait_for() { n=0; while ! [ -e "$1" ] && [ $n -lt 500 ]; do n=$((n+1)); sleep 0.02; done; }
`;

const DUMP = `
unshare --mount --pid --fork sh -c '
  mount --make-rprivate /
  mount --bind /container /container
  mount -t proc proc /container/proc
  mount --bind /container/proc/sys /container/proc/sys
  mount -o remount,bind,ro /container/proc/sys
  cd /container
  pivot_root . old
  exec /program
' < /dev/null > /dev/null 2>&1 &
wait_for /container/ready
for each in /proc/[0-9]*; do if [ "$(cat $each/comm)" = program ]; then pid=\${each#/proc/}; fi; done
$CRIU dump --tree $pid --images-dir /images --log-file dump.log --external 'mnt[/proc/sys]:/proc/sys' $OPTIONS
`;

/** What lies behind the container's /proc/sys is writable here. */
const RESTORE = `
unshare --mount sh -c '
  mount --make-rprivate /
  mount --bind /container /container
  mkdir /sysctls
  mount --bind /proc/sys /sysctls
  exec $CRIU restore --images-dir /images --log-file restore.log --root /container --external "mnt[/proc/sys]:/sysctls" $OPTIONS --restore-detached
' < /dev/null || exit 1
touch /container/go
wait_for /container/said
cat /proc/sys/kernel/domainname > /images/domainname
`;

/**
 * /proc as CRIU itself has it, of which nothing is read-only: CR_PROC_FD_OFF of criu/include/servicefd.h, below the 128 that
 * choose_service_fd_base() of criu/servicefd.c takes for a program with few descriptors.
 */
const OF_CRIU = '/proc/self/fd/121/sys/kernel';

/** What of an open file is forged here: files that it watches, each with a path that leads there. */
interface Watching {
  readonly ify?: { readonly wd: readonly { readonly f_handle: { path?: string } }[] };
}

describe('what a restored program has open', () => {
  const here = temporaryFolder();
  const [container, images] = [path.join(here, 'container'), path.join(here, 'images')];
  const env: NodeJS.ProcessEnv = { HERE: here, PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
  const within = (script: string) => {
    const spaces = ['--mount', '--pid', '--uts', '--ipc', '--fork', '--kill-child', '--mount-proc'];
    return spawnSync('/usr/bin/unshare', [...spaces, 'sh', '-c', WORLD + script], { env, encoding: 'utf8' });
  };
  const read = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8').trim() : '');
  const logOf = (act: 'dump' | 'restore') => read(path.join(images, `${act}.log`));
  const restored = () => {
    const { status, stderr } = within(RESTORE);
    return {
      ...{ status, stderr, log: logOf('restore') },
      ...{ said: read(path.join(container, 'said')), domainname: read(path.join(images, 'domainname')) },
    };
  };
  let descriptor: string;

  beforeAll(async () => {
    const cache = path.join(cacheFolder(), 'helper-image');
    const debian = await debianRoot(cache);
    descriptor = await labDescriptor();
    const options = ['--manage-cgroups=ignore', '--network-lock', 'skip', '--shell-job', '--verbosity=2'];
    Object.assign(env, { CRIU: criuCommand('/criu').join(' '), OPTIONS: options.join(' ') });
    for (const entry of await criuEntries(debian, await compiledCriu(cache, debian))) {
      const file = path.join(here, entry.path.replace('opt/criu', 'criu'));
      if (entry.kind === 'directory') mkdirSync(file, { recursive: true });
      if (entry.kind === 'file') writeFileSync(file, entry.data, { mode: entry.mode });
    }
    writeFileSync(path.join(here, 'program.c'), PROGRAM);
    await run('gcc', ['-static', '-o', path.join(here, 'program'), path.join(here, 'program.c')]);
    mkdirSync(path.join(here, 'world'));
  }, 180_000);

  beforeEach(() => {
    for (const folder of [container, images]) rmSync(folder, { recursive: true, force: true });
    mkdirSync(images);
    for (const each of ['proc', 'dev', 'old', 'file', 'deleted', 'fifo', 'socket', 'watched', 'directory'])
      mkdirSync(path.join(container, each), { recursive: true });
    writeFileSync(path.join(container, 'program'), readFileSync(path.join(here, 'program')), { mode: 0o755 });
    writeFileSync(path.join(container, 'dev/null'), '');
    chmodSync(path.join(container, 'dev/null'), 0o666);
    const { status, stderr } = within(DUMP);
    expect({ status, stderr }, logOf('dump')).toEqual({ status: 0, stderr: '' });
  });

  it('is what it had, and what the container may not write stays so', () => {
    expect(restored()).toMatchObject({ status: 0, said: 'written, Read-only file system', domainname: '(none)' });
    expect(readFileSync(path.join(container, 'file/domainname'), 'utf8')).toBe('written');
  });

  it.each(['file', 'deleted', 'fifo', 'socket', 'directory'])(
    'is none of CRIU’s own where a link leads to that meanwhile: %s',
    (place) => {
      rmSync(path.join(container, place), { recursive: true });
      symlinkSync(OF_CRIU, path.join(container, place));
      expect(restored()).toMatchObject({
        ...{ status: 1, said: '', domainname: '' },
        log: expect.stringMatching(/Too many levels of symbolic links/) as string,
      });
    },
  );

  it('is watched by the handle of a file only where that lies in the container', () => {
    const file = path.join(images, 'files.img');
    const forged = forge<Watching>(descriptor, 'file_entry', readFileSync(file), (all) => {
      for (const { ify } of all) for (const { f_handle } of ify?.wd ?? []) delete f_handle.path;
    });
    writeFileSync(file, forged);
    renameSync(path.join(container, 'watched'), path.join(here, 'elsewhere'));
    mkdirSync(path.join(container, 'watched'));
    const outside = restored();
    rmSync(path.join(container, 'watched'), { recursive: true });
    renameSync(path.join(here, 'elsewhere'), path.join(container, 'watched'));
    expect(outside).toMatchObject({
      status: 1,
      log: expect.stringMatching(/fsnotify: .*: Stale file handle/) as string,
    });
    expect(restored()).toMatchObject({ status: 0, said: 'written, Read-only file system' });
  });

  it('is no more writable by a mount that is said to be like the one that it counts as a part of', () => {
    const name = readdirSync(images).find((each) => each.startsWith('mountpoints-')) ?? '';
    const file = path.join(images, name);
    const forged = forge<{ mountpoint: string; flags: number }>(descriptor, 'mnt_entry', readFileSync(file), (all) => {
      const at = (point: string) => all.find(({ mountpoint }) => mountpoint === point);
      Object.assign(at('/proc') ?? {}, { flags: at('/proc/sys')?.flags });
    });
    writeFileSync(file, forged);
    expect(restored()).toMatchObject({ status: 0, said: 'written, Read-only file system' });
  });
});

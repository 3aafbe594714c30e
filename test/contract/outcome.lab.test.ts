import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { HelperFailure } from '../../src/helper/failure.ts';
import { run } from '../../src/helper/image/run.ts';
import { processTree } from '../../src/helper/processes.ts';
import { checkOutcome } from '../../src/helper/trust/outcome.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Has all kinds of things open and makes a file when it has; its second argument, if any, is a root of its own. */
const PROGRAM = `
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
static void *wait(void *nothing) { pause(); return nothing; }
int main(int argc, char **argv) {
  int null = open("/dev/null", O_RDWR), pipes[2];
  pthread_t thread;
  for (int fd = 0; fd < 3; fd++) dup2(null, fd);
  if (memfd_create("name", 0) < 0 || eventfd(0, 0) < 0 || epoll_create(1) < 0 || pipe(pipes)) return 1;
  if (socket(AF_INET, SOCK_STREAM, 0) < 0 || open("/proc/self/ns/net", O_RDONLY) < 0) return 1;
  char gone[4096];
  snprintf(gone, sizeof gone, "%s.gone", argv[1]);
  if (open(gone, O_RDWR | O_CREAT, 0600) < 0 || unlink(gone) || pthread_create(&thread, 0, wait, 0)) return 1;
  int ready = open(argv[1], O_WRONLY | O_CREAT, 0600);
  if (argc > 2 && (chroot(argv[2]) || chdir("/"))) return 1;
  if (write(ready, ".", 1) != 1) return 1;
  pause();
}
`;

/** Leaves nothing mounted beneath /proc but what a test mounts there. */
const BARE = 'for each in $(grep -o " /proc/[^ ]* " /proc/self/mountinfo); do umount -l $each; done';

describe('what the kernel says of a process that is in namespaces of its own', () => {
  const here = temporaryFolder();
  const program = path.join(here, 'program');
  const started: ChildProcess[] = [];

  beforeAll(async () => {
    writeFileSync(`${program}.c`, PROGRAM);
    await run('gcc', ['-static', '-o', program, `${program}.c`]);
  });
  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
  });

  /** Runs the program in a namespace of mounts within that of a placeholder; both by a script that comes before it. */
  async function excesses(before: { outside?: string; inside?: string }, ...more: string[]): Promise<string[]> {
    const ready = path.join(here, `ready-${started.length}-${Date.now()}`);
    const inside = `${before.inside ?? ':'}; exec "$0" "$@"`;
    const outside = `${BARE}; sleep 60 & ${before.outside ?? ':'}; exec unshare -m -p -f --kill-child --mount-proc sh -c '${inside}' "$@"`;
    const words = ['-m', '--kill-child', '-f', 'sh', '-c', outside, 'sh', program, ready, ...more];
    const child = spawn('/usr/bin/unshare', words, { stdio: 'ignore' });
    started.push(child);
    const named = (name: string) => processTree(child.pid ?? 0).find((each) => each.name === name);
    while (!existsSync(ready) || !named('program') || !named('sleep')) await setTimeout(10);
    await setTimeout(50);
    const [placeholder, restored] = [named('sleep'), named('program')];
    if (!placeholder || !restored) throw new Error('the program has ended');
    try {
      checkOutcome(placeholder.pid, [{ ...restored, innerPid: 1 }], []);
      return [];
    } catch (error) {
      if (!(error instanceof HelperFailure)) throw error;
      expect(error.code).toBe('not-movable');
      return (error.detail ?? '').split('\n');
    }
  }

  it('is nothing beyond what a container has, whatever kinds of things are open', async () => {
    expect(await excesses({})).toEqual([]);
    expect(await excesses({}, here)).toEqual([]);
  });

  it('is what lies elsewhere: a file of another namespace of mounts, and that namespace', async () => {
    expect(await excesses({ outside: 'exec 7</etc/passwd 8</proc/self/ns/mnt' })).toEqual([
      'program (1): descriptor 7: /etc/passwd, on a mount that is not the container’s',
      'program (1): descriptor 8: a mnt namespace that is not its own',
    ]);
  });

  it('is what lies elsewhere: a procfs that is mounted nowhere, though the process sees a part of the mounts only', async () => {
    const detached = 'mount -t proc proc /mnt; exec 7</mnt/sys/kernel/core_pattern; umount -l /mnt';
    const found = [expect.stringMatching(/descriptor 7: .*, on a mount that is not the container’s$/)];
    expect(await excesses({ inside: detached })).toEqual(found);
    expect(await excesses({ inside: detached }, here)).toEqual(found);
  });

  it('is a mount that is more writable than the placeholder’s, or not there', async () => {
    const bound = `mount --bind ${here} ${here}; mount -o remount,bind,ro ${here}`;
    const writable = `mount -o remount,bind,rw ${here}`;
    expect(await excesses({ outside: `touch ${here}/x; ${bound}`, inside: `${writable}` })).toEqual([
      `the mount at ${here} without ro`,
    ]);
    expect(await excesses({ inside: 'mount -t tmpfs tmpfs /mnt' })).toEqual(['a mount of its own at /mnt']);
  });

  it('is a mask that another mount lies on', async () => {
    const masked = `mount --bind ${here} /proc/tty`;
    expect(await excesses({ outside: masked })).toEqual(['the mount at /proc/tty beneath another one']);
    expect(await excesses({ outside: masked, inside: masked })).toEqual([]);
  });
});

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { COMMON_OPTIONS, criuCommand } from './criu.ts';
import { CRIU_HOME, cgroupFilesOf, MOUNT_HELPER } from './enter.ts';
import { HelperFailure } from './failure.ts';
import { parseMountInfo } from './mounts.ts';
import { PLACEHOLDER_DIR } from './placeholder-spec.ts';
import { IMAGES_DIR } from './pod-spec.ts';
import { readProc } from './processes.ts';
import type { Handover } from './protocol.ts';

/** Where the placeholder's mount namespace shows what the helper carries in, for the moment of the restore. */
const ENGINE = `${PLACEHOLDER_DIR}/engine`;
/** Descriptors of CRIU at the restore. */
const NETWORK_FD = 10;
/** Throws `not-movable` when the placeholder lacks a mount that the source had. */
export function checkMounts(placeholderPid: number, { externalMounts }: Handover): void {
  const present = new Set(
    parseMountInfo(readProc(placeholderPid, 'mountinfo') ?? '').map(({ mountPoint }) => mountPoint),
  );
  const missing = externalMounts.filter((point) => !present.has(point));
  if (missing.length > 0) {
    throw new HelperFailure('not-movable', `the target container lacks mounts of the source: ${missing.join(', ')}`);
  }
}

/**
 * Starts CRIU inside the placeholder: in its cgroups and namespaces, with nothing but CRIU's own directory and the images
 * brought in, in a private copy of its mounts.
 */
export function spawnRestore(placeholderPid: number, handover: Handover) {
  const { inherit, open } = stdioOptions(placeholderPid, handover.stdio);
  const externals = handover.externalMounts.flatMap((point) => [
    '--external',
    `mnt[${point}]:${point === '/' ? '.' : point}`,
  ]);
  const enter = [
    ...['enter', '--pid', String(placeholderPid), '--ns', 'mnt,uts,ipc,net,pid'],
    ...cgroupFilesOf(placeholderPid).flatMap((file) => (existsSync(file) ? ['--cgroup', file] : [])),
    ...['--bind', `${IMAGES_DIR}=${ENGINE}`, '--bind', `${CRIU_HOME}=${ENGINE}/criu`],
    ...['--open', `${NETWORK_FD}=r=/proc/${placeholderPid}/ns/net`, ...open],
    ...['--umount', '/dev/shm', '--writable', '/proc/sys'],
  ];
  const criu = [
    ...['restore', '--images-dir', `${ENGINE}/img`, '--root', '/', '--log-file', `${ENGINE}/log/restore.log`],
    ...[
      '--inherit-fd',
      `fd[${NETWORK_FD}]:extNetNs`,
      ...inherit,
      ...externals,
      ...COMMON_OPTIONS,
      '--restore-detached',
    ],
  ];
  return spawn(MOUNT_HELPER, [...enter, '--', ...criuCommand(`${ENGINE}/criu`), ...criu], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: `${ENGINE}/criu/bin` },
  });
}

/** The source's stdout and stderr become the placeholder's, so that the container's log goes on. */
function stdioOptions(placeholderPid: number, stdio: Handover['stdio']) {
  const inherit: string[] = [];
  const open: string[] = [];
  const seen = new Set<string>();
  stdio.forEach((target, fd) => {
    if (!/^pipe:\[\d+\]$/.test(target) || seen.has(target)) return;
    seen.add(target);
    const at = NETWORK_FD + 1 + fd;
    open.push('--open', `${at}=${fd === 0 ? 'r' : 'w'}=/proc/${placeholderPid}/fd/${fd}`);
    inherit.push('--inherit-fd', `fd[${at}]:${target}`);
  });
  return { inherit, open };
}

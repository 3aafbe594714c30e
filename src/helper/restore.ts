import { existsSync, statSync } from 'node:fs';
import { type Armed, arm, executeOrFail } from './command.ts';
import { COMMON_OPTIONS, criuCommand, restoreLog } from './criu.ts';
import { ARGUMENTS_END, CRIU_HOME, cgroupFilesOf, insideMounts, MOUNT_HELPER } from './enter.ts';
import { HelperFailure } from './failure.ts';
import { parseMountInfo } from './mounts.ts';
import { PLACEHOLDER_DIR } from './placeholder-spec.ts';
import { IMAGES_DIR } from './pod-spec.ts';
import { readProc } from './processes.ts';
import type { Handover } from './protocol.ts';
import { isMask } from './trust/mounts.ts';

/** Where the placeholder's mount namespace shows what the helper carries in, for the moment of the restore. */
const ENGINE = `${PLACEHOLDER_DIR}/engine`;
/** Descriptors of CRIU at the restore. */
const NETWORK_FD = 10;
const IPC_FD = 14;

/** What does not depend on the dump, above all that the tree stays stopped. */
function fixedOptions(container: number): string[] {
  return [
    ...['restore', '--images-dir', `${ENGINE}/img/${container}`, '--root', '/'],
    ...['--log-file', `${ENGINE}/log/${restoreLog(container)}`],
    // The containers of a pod share one, the sandbox's.
    ...['--join-ns', `ipc:/proc/self/fd/${IPC_FD}`],
    ...['--inherit-fd', `fd[${NETWORK_FD}]:extNetNs`, ...COMMON_OPTIONS, '--restore-detached'],
  ];
}

/** Files that a runtime mounts for its own ends, and no other does: CRI-O's mark of a container, which is empty. */
const MARKS = new Set(['/run/.containerenv']);

/**
 * Mounts that the source had and the placeholder lacks, each a runtime's mark. Throws `not-movable` for anything else that
 * is missing, but for what hid something of the kernel there and is not hidden here. Read-only.
 */
export function missingMarks(placeholderPid: number, { externalMounts }: Handover): string[] {
  const present = new Set(
    parseMountInfo(readProc(placeholderPid, 'mountinfo') ?? '').map(({ mountPoint }) => mountPoint),
  );
  const missing = externalMounts.filter((point) => !present.has(point));
  const others = missing.filter((point) => !MARKS.has(point) && !isMask(point));
  if (others.length === 0) return missing.filter((point) => MARKS.has(point));
  throw new HelperFailure('not-movable', `the target container lacks mounts of the source: ${others.join(', ')}`);
}

/**
 * What differs between containers that different runtimes made of one spec: the root directory gets the source's mode (0755
 * by containerd, 0555 by CRI-O), and empty files are made where marks will be mounted. Idempotent.
 */
export async function alignRoot(placeholderPid: number, marks: readonly string[], { rootMode }: Handover) {
  const inside = (...words: string[]) => insideMounts(placeholderPid, { writable: ['/'] }, ['mount-helper', ...words]);
  if ((statSync(`/proc/${placeholderPid}/root`).mode & 0o7777) !== rootMode)
    await executeOrFail(MOUNT_HELPER, inside('mode', rootMode.toString(8), '/'));
  if (marks.length > 0) await executeOrFail(MOUNT_HELPER, inside('touch'), marks.map((point) => `${point}\0`).join(''));
}

/**
 * Enters the placeholder of the pod's container of that index, ahead of the restore: its cgroups and namespaces, with nothing but CRIU's own directory and the
 * images brought in, in a private copy of its mounts. CRIU starts when {@link restoreArguments} come. `marks` are files there
 * that count as mounts from then on.
 */
export function armRestore(placeholderPid: number, container: number, marks: readonly string[] = []): Armed {
  const enter = [
    ...['enter', '--pid', String(placeholderPid), '--ns', 'mnt,uts,ipc,net,pid'],
    ...cgroupFilesOf(placeholderPid).flatMap((file) => (existsSync(file) ? ['--cgroup', file] : [])),
    ...['--bind', `${IMAGES_DIR}=${ENGINE}`, '--bind', `${CRIU_HOME}=${ENGINE}/criu`],
    ...['--open', `${NETWORK_FD}=r=/proc/${placeholderPid}/ns/net`],
    ...['--open', `${IPC_FD}=r=/proc/${placeholderPid}/ns/ipc`],
    ...[0, 1, 2].flatMap((fd) => ['--open', `${stdioFd(fd)}=${fd === 0 ? 'r' : 'w'}=/proc/${placeholderPid}/fd/${fd}`]),
    ...[...marks.flatMap((mark) => ['--self', mark]), '--arguments', 'stdin'],
  ];
  const command = [...criuCommand(`${ENGINE}/criu`), ...fixedOptions(container)];
  return arm(MOUNT_HELPER, [...enter, '--', ...command], { PATH: `${ENGINE}/criu/bin` });
}

/**
 * What CRIU has to know of the dump, as the armed program takes it; cut short, it starts nothing. `outlined`: files of
 * persistent volumes are there in outline only.
 */
export function restoreArguments({ externalMounts, stdio }: Handover, outlined = false): string {
  const externals = externalMounts.flatMap((point) => ['--external', `mnt[${point}]:${point === '/' ? '.' : point}`]);
  // An outlined program file has the size and not the build id.
  const lenient = outlined ? ['--file-validation', 'filesize'] : [];
  return [...stdioOptions(stdio), ...externals, ...lenient, ARGUMENTS_END].map((argument) => `${argument}\0`).join('');
}

const stdioFd = (fd: number) => NETWORK_FD + 1 + fd;

/** The source's stdout and stderr become the placeholder's, so that the container's log goes on. */
function stdioOptions(stdio: Handover['stdio']): string[] {
  const seen = new Set<string>();
  return stdio.flatMap((target, fd) => {
    if (!/^pipe:\[\d+\]$/.test(target) || seen.has(target)) return [];
    seen.add(target);
    return ['--inherit-fd', `fd[${stdioFd(fd)}]:${target}`];
  });
}

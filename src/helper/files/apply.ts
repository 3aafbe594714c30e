import { type ChildProcess, spawn } from 'node:child_process';
import type { Part, TransferSink } from '../bulk/framing.ts';
import { type Finished, finished } from '../command.ts';
import { ALONE, insideMounts, MOUNT_HELPER } from '../enter.ts';
import { HelperFailure } from '../failure.ts';
import { type MountInfo, SHARED_MEMORY } from '../mounts.ts';
import { resolveInRoot } from './scan.ts';

const EXTRACT = [
  ...['--extract', '--file=-', '--numeric-owner', '--same-owner', '--preserve-permissions', '--sparse'],
  ...['--xattrs', '--xattrs-include=*', '--acls', '--delay-directory-restore'],
];

type Running = { child: ChildProcess; result: Promise<Finished> };

/** A container that files are written into: a process that sees its mounts, and the mount points of volumes that move. */
export type Receiver = { readonly pid: number; readonly volumes: readonly string[] };

/**
 * Where a container has volumes that move, and the memory that its pod shares: links resolved as they are before anything
 * was written, so that what is written later cannot make another mount of one of these. `root`: the container's root as this
 * process sees it. Read-only.
 */
export function volumesOf(root: string, mounts: readonly MountInfo[], mountPaths: readonly string[]): string[] {
  const moving = new Set(mountPaths.map((point) => resolveInRoot(root, point).slice(root.length)));
  const isShared = ({ mountPoint, fsType }: MountInfo) => mountPoint === SHARED_MEMORY && fsType === 'tmpfs';
  const points = mounts.filter((mount) => moving.has(mount.mountPoint) || isShared(mount));
  return [...new Set(points.map(({ mountPoint }) => mountPoint))].filter((point) => point !== '/');
}

/**
 * Applies a transfer of files to containers, through each one's own view of its file system: overlay makes the copies and
 * whiteouts itself, and its live upper directory, which must not be written to from outside (overlayfs.rst, "Changes to
 * underlying filesystems"), stays untouched. The sender may lie: what it sends is written to the roots and to the volumes
 * that move, each of which is all that the writer sees, and nowhere else.
 */
export function filesSink(receivers: readonly Receiver[]): TransferSink {
  let running: Running | undefined;
  const finish = async () => {
    if (!running) return;
    const { child, result } = running;
    running = undefined;
    child.stdin?.end();
    const { status, stderr } = await result;
    if (status !== 0)
      throw new HelperFailure(codeOf(stderr), 'files could not be written into the target', stderr.slice(-8000));
  };
  return {
    async part(part) {
      await finish();
      if (part.kind !== 'delete' && part.kind !== 'tar')
        throw new HelperFailure('transfer-broken', `files expected, ${part.kind} came`);
      const receiver = receivers[part.container];
      if (receiver === undefined) throw new HelperFailure('transfer-broken', `no container ${part.container}`);
      if (part.at !== '/' && !receiver.volumes.includes(part.at))
        throw new HelperFailure('transfer-broken', `files for ${part.at} came, where nothing of the target moves to`);
      // A volume may be read-only for all containers that are left: what filled it has ended.
      const options = { writable: [ALONE], alone: part.at };
      const child = spawn(MOUNT_HELPER, insideMounts(receiver.pid, options, commandOf(part)), {
        stdio: ['pipe', 'ignore', 'pipe'],
      });
      child.stdin.on('error', () => {});
      running = { child, result: finished(child) };
    },
    async data(data) {
      const stdin = running?.child.stdin;
      if (!stdin) throw new HelperFailure('transfer-broken', 'bytes without a part came');
      if (stdin.write(data) || stdin.destroyed) return;
      await new Promise<void>((resolve) => {
        const done = () => {
          stdin.off('drain', done).off('close', done);
          resolve();
        };
        stdin.once('drain', done).once('close', done);
      });
    },
    async end() {
      await finish();
      return 0;
    },
  };
}

const codeOf = (stderr: string) => (/No space left|quota exceeded/i.test(stderr) ? 'no-space' : 'tool-failed');

function commandOf({ kind }: Extract<Part, { kind: 'delete' | 'tar' }>): string[] {
  return kind === 'delete' ? ['mount-helper', 'delete', ALONE] : ['tar', ...EXTRACT, '--directory', ALONE];
}

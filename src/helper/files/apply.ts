import { type ChildProcess, spawn } from 'node:child_process';
import type { Part, TransferSink } from '../bulk/framing.ts';
import { type Finished, finished } from '../command.ts';
import { insideMounts, MOUNT_HELPER } from '../enter.ts';
import { HelperFailure } from '../failure.ts';

const EXTRACT = [
  ...['--extract', '--file=-', '--numeric-owner', '--same-owner', '--preserve-permissions', '--sparse'],
  ...['--xattrs', '--xattrs-include=*', '--acls', '--delay-directory-restore'],
];

type Running = { child: ChildProcess; result: Promise<Finished> };

/**
 * Applies a transfer of files to the containers of these processes, through each one's own view of its file system: overlay makes the copies and
 * whiteouts itself, and its live upper directory, which must not be written to from outside (overlayfs.rst, "Changes to
 * underlying filesystems"), stays untouched.
 */
export function filesSink(pids: readonly number[]): TransferSink {
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
      const pid = pids[part.container];
      if (pid === undefined) throw new HelperFailure('transfer-broken', `no container ${part.container}`);
      // A volume may be read-only for all containers that are left: what filled it has ended.
      const writable = part.kind === 'tar' && part.at !== '/' ? ['/', part.at] : ['/'];
      const child = spawn(MOUNT_HELPER, insideMounts(pid, { writable }, commandOf(part)), {
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

function commandOf(part: Extract<Part, { kind: 'delete' | 'tar' }>): string[] {
  return part.kind === 'delete' ? ['mount-helper', 'delete'] : ['tar', ...EXTRACT, '--directory', part.at];
}

import { mkdirSync, rmSync, statSync } from 'node:fs';
import { stopBystanders } from './bystanders.ts';
import { dumpLog, dumpOptions, IMAGE_FILES, imageDirectories, LOGS, readLog, runCriu, SCRATCH } from './criu.ts';
import { causeOf, interestingLines } from './criu-log.ts';
import { HelperFailure } from './failure.ts';
import { externalMountPoints, parseMountInfo } from './mounts.ts';
import { descriptorTarget, readProc } from './processes.ts';
import type { Handover } from './protocol.ts';

/** What the restore has to know of a container; its processes are filled in when it is frozen. */
export function describe(pid: number): Handover {
  const mounts = parseMountInfo(readProc(pid, 'mountinfo') ?? '');
  return {
    externalMounts: externalMountPoints(mounts),
    stdio: [descriptorTarget(pid, 0), descriptorTarget(pid, 1), descriptorTarget(pid, 2)],
    rootMode: statSync(`/proc/${pid}/root`).mode & 0o7777,
    innerPids: [1],
  };
}

/** Makes room for the dumps of so many containers. */
export function emptyDirectories(containers: number): void {
  for (const directory of [IMAGE_FILES, LOGS]) rmSync(directory, { recursive: true, force: true });
  for (const directory of [...imageDirectories(containers), LOGS, SCRATCH])
    mkdirSync(directory, { recursive: true, mode: 0o700 });
}

/**
 * Dumps the tree of the pod's container of that index and leaves it stopped, with whatever runs beside it. Throws
 * `criu-refused-dump` with the cause in a sentence; then the tree runs.
 */
export async function dump(pid: number, container: number, externalMounts: readonly string[]): Promise<void> {
  stopBystanders(pid);
  const { status, stderr } = await runCriu(dumpOptions(pid, container, externalMounts));
  if (status === 0) return;
  const log = readLog(dumpLog(container)) || stderr;
  throw new HelperFailure(
    'criu-refused-dump',
    `CRIU cannot dump the container: ${causeOf(log)}`,
    interestingLines(log).join('\n'),
  );
}

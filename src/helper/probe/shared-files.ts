import type { Obstacle } from '../facts.ts';
import { readProc } from '../processes.ts';
import type { Descriptor } from './descriptors.ts';

/**
 * What a process has of files that source and target both see at the moment of the restore, and that the restore would
 * make or take while the source still has it.
 */
export function sharedFileObstacles(
  descriptors: readonly Descriptor[],
  rootPid: number,
  mountPoints: readonly string[],
): Obstacle[] {
  const isShared = (file: string) => mountPoints.some((point) => file === point || file.startsWith(`${point}/`));
  const found = new Map<string, Obstacle>();
  const add = (detail: string) => found.set(detail, { code: 'shared-file', detail });
  for (const { pid, fd, name, target } of descriptors) {
    if (!isShared(target)) continue;
    if (target.endsWith(' (deleted)')) add(`${name} has a deleted file open: ${target.replace(/ \(deleted\)$/, '')}`);
    else if (holdsLock(readProc(pid, `fdinfo/${fd}`) ?? '')) add(`${name} holds a lock on ${target}`);
  }
  for (const file of boundSockets(readProc(rootPid, 'net/unix') ?? ''))
    if (isShared(file)) add(`a UNIX socket is bound at ${file}`);
  return [...found.values()];
}

/** Whether a descriptor's fdinfo tells of a lock (proc_pid_fdinfo(5)). Pure. */
export function holdsLock(fdinfo: string): boolean {
  return /^lock:\s/m.test(fdinfo);
}

/** The paths that UNIX sockets of a network namespace are bound to (/proc/net/unix). Pure. */
export function boundSockets(table: string): string[] {
  const lines = table.split('\n').slice(1);
  return lines.flatMap((line) => /^(?:\S+\s+){7}(\/.*)$/.exec(line)?.[1] ?? []);
}

import { readFileSync } from 'node:fs';
import { cgroupFilesOf } from './enter.ts';
import { readProcess, signal } from './processes.ts';

/**
 * The processes of a container that are neither below its root nor above it (the placeholder of a moved one): commands
 * that `kubectl exec` or a probe started. They are no part of the process image, and what they write once its files are
 * copied is written to nowhere. Pure.
 */
export function bystandersAmong(members: readonly { pid: number; parent: number }[], rootPid: number): number[] {
  const parents = new Map(members.map(({ pid, parent }) => [pid, parent]));
  const lineOf = (pid: number): number[] => {
    const line = [pid];
    for (let parent = parents.get(pid); parent !== undefined; parent = parents.get(parent)) line.push(parent);
    return line;
  };
  const ancestors = lineOf(rootPid);
  return members.map(({ pid }) => pid).filter((pid) => !ancestors.includes(pid) && !lineOf(pid).includes(rootPid));
}

function bystandersOf(rootPid: number): number[] {
  const pids = cgroupFilesOf(rootPid).slice(0, 1).flatMap(readPids);
  return bystandersAmong(
    pids.flatMap((pid) => readProcess(pid) ?? []),
    rootPid,
  );
}

function readPids(file: string): number[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    // The container has ended meanwhile, and its cgroup with it.
    return [];
  }
}

/** Stops them with the source, so that whoever uses them is not told of what will be lost. */
export function stopBystanders(rootPid: number): void {
  for (const pid of bystandersOf(rootPid)) signal(pid, 'SIGSTOP');
}

/** The way back of {@link stopBystanders}. Idempotent. */
export function continueBystanders(rootPid: number): void {
  for (const pid of bystandersOf(rootPid)) signal(pid, 'SIGCONT');
}

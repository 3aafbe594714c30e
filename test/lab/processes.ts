import { readdirSync, readFileSync } from 'node:fs';
import { sleep } from './run.ts';

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since boot at which it started: field 22 of /proc/PID/stat. */
  readonly started: number;
}

/**
 * Reads the start time out of a line of /proc/PID/stat. The program's name in it may hold spaces and brackets.
 * Returns undefined when the line is none, or the process is already dead (a zombie).
 */
export function startTimeOf(stat: string): number | undefined {
  const fields = fieldsOf(stat);
  const state = fields[0];
  const started = Number(fields[19]);
  return state === undefined || state === 'Z' || state === 'X' || !Number.isSafeInteger(started) ? undefined : started;
}

/** Of a line of /proc/PID/stat, from its third field on. */
function fieldsOf(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Identity of a running process, or undefined when there is none with this number. */
export function identify(pid: number): ProcessId | undefined {
  try {
    const started = startTimeOf(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    return started === undefined ? undefined : { pid, started };
  } catch {
    return undefined;
  }
}

/** The processes that a process has started itself and that still run. */
export function childrenOf({ pid }: ProcessId): ProcessId[] {
  try {
    const numbers = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    return numbers.flatMap((number) => identify(Number(number)) ?? []);
  } catch {
    return [];
  }
}

/** The processes of a pod on whichever node, its sandbox included, whatever the cgroup driver makes of its uid. */
export function processesOfPod(uid: string): ProcessId[] {
  const names = [uid, uid.replaceAll('-', '_')];
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name) && names.some((each) => groupsOf(name).includes(each)))
    .flatMap((pid) => identify(Number(pid)) ?? []);
}

function groupsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  } catch {
    return ''; // It has ended.
  }
}

/** Whether exactly this process still runs. */
export function isAlive(id: ProcessId): boolean {
  return identify(id.pid)?.started === id.started;
}

/** Whether a process that is dead has threads that are not. */
function hasThreads({ pid, started }: ProcessId): boolean {
  try {
    const fields = fieldsOf(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    return Number(fields[19]) === started && readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}

/** Kills exactly this process, if it still runs; never another one that got its number. Idempotent. */
export function kill(id: ProcessId): void {
  if (!isAlive(id)) return;
  try {
    process.kill(id.pid, 'SIGKILL');
  } catch {
    // It ended between the look and the signal.
  }
}

/**
 * Waits until none of the processes runs, nor any thread of theirs: the first one of a process may be dead while others
 * still hold its ports.
 * @throws when one still runs after so many seconds.
 */
export async function waitForEnd(ids: readonly ProcessId[], seconds: number): Promise<void> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const left = ids.filter((id) => isAlive(id) || hasThreads(id));
    if (left.length === 0) return;
    if (Date.now() > end)
      throw new Error(`still running after ${seconds} s: process ${left.map((id) => id.pid).join(', ')}`);
    await sleep(20);
  }
}

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { HelperFailure } from './failure.ts';
import { isPlaceholder } from './placeholder-spec.ts';

/** A process as /proc shows it to the helper. */
export type ProcessInfo = {
  pid: number;
  parent: number;
  name: string;
  /** One letter of proc_pid_stat(5); `T` is stopped. */
  state: string;
  /** Clock ticks after boot; with the pid it names a process for good. */
  startTime: number;
};

/** Reads the text of /proc/PID/stat; undefined when it is none. The name may hold blanks and parentheses. */
export function parseStat(text: string): ProcessInfo | undefined {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const fields = text.slice(close + 2).split(' ');
  const [state, parent] = fields;
  const startTime = Number(fields[19]);
  if (open < 0 || close < 0 || !state || !parent || !Number.isFinite(startTime)) return undefined;
  return {
    pid: Number(text.slice(0, open)),
    parent: Number(parent),
    name: text.slice(open + 1, close),
    state,
    startTime,
  };
}

/** The pids of a process from the outermost PID namespace that the reader sees inwards. */
export function parseNamespacePids(status: string): number[] {
  return (/^NSpid:\s*(.+)$/m.exec(status)?.[1] ?? '').split(/\s+/).filter(Boolean).map(Number);
}

/** A process of a container, with what tells its part there. */
export type Member = {
  pid: number;
  parent: number;
  /** From the outermost PID namespace inwards. */
  namespacePids: readonly number[];
  isPlaceholder: boolean;
};

/** The outermost of a container's processes that is pid 1 to itself: the program, or a placeholder. Pure. */
export function outermostInit(members: readonly Member[]): Member | undefined {
  const inits = members.filter(({ namespacePids }) => namespacePids.at(-1) === 1);
  return inits.toSorted((a, b) => a.namespacePids.length - b.namespacePids.length)[0];
}

/**
 * Chooses a container's root among its processes: its pid 1, and after a move what was restored beside that. Others that
 * are pid 1 to themselves are in PID namespaces that the program made, and are a part of it. Pure.
 */
export function chooseRoot(members: readonly Member[]): Member | undefined {
  const first = outermostInit(members);
  if (!first?.isPlaceholder) return first;
  const restored = members.find(({ parent, namespacePids }) => parent === first.pid && namespacePids.at(-1) === 1);
  return restored ?? first;
}

/** Reads a file of /proc; undefined when the process is gone. */
export function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}

/** All processes that the helper's /proc shows. */
export function listPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** One process, undefined when it is gone. */
export function readProcess(pid: number): ProcessInfo | undefined {
  const text = readProc(pid, 'stat');
  return text === undefined ? undefined : parseStat(text);
}

/** Everything in the container's cgroup, commands that `kubectl exec` started included. */
export function membersOf(containerId: string): Member[] {
  return listPids().flatMap((pid) => {
    const process = readProc(pid, 'cgroup')?.includes(containerId) ? readProcess(pid) : undefined;
    if (!process) return [];
    const namespacePids = parseNamespacePids(readProc(pid, 'status') ?? '');
    const commandLine = readProc(pid, 'cmdline')?.split('\0') ?? [];
    return [{ pid, parent: process.parent, namespacePids, isPlaceholder: isPlaceholder(commandLine) }];
  });
}

/** The container's root process. Throws `container-not-found`. */
export function findRoot(containerId: string): number {
  const members = membersOf(containerId);
  const root = chooseRoot(members);
  if (root) return root.pid;
  throw members.length === 0
    ? new HelperFailure('container-not-found', `no process of container ${containerId.slice(0, 12)} on this node`)
    : new HelperFailure(
        'not-movable',
        'the container has no PID namespace of its own (shareProcessNamespace or hostPID)',
      );
}

/** The waiting placeholder: the container's outermost pid 1. Throws `container-not-found`. */
export function findPlaceholder(containerId: string): number {
  const first = outermostInit(membersOf(containerId));
  if (first) return first.pid;
  throw new HelperFailure('container-not-found', `no process of container ${containerId.slice(0, 12)} on this node`);
}

/** The process and all its descendants, parents first. */
export function processTree(rootPid: number): ProcessInfo[] {
  const children = new Map<number, ProcessInfo[]>();
  const root = readProcess(rootPid);
  if (!root) return [];
  for (const pid of listPids()) {
    const info = readProcess(pid);
    if (!info) continue;
    const siblings = children.get(info.parent);
    if (siblings) siblings.push(info);
    else children.set(info.parent, [info]);
  }
  const tree = [root];
  for (const info of tree) tree.push(...(children.get(info.pid) ?? []));
  return tree;
}

/** The pid of a process as it sees itself. */
export function innerPid(pid: number): number {
  return parseNamespacePids(readProc(pid, 'status') ?? '').at(-1) ?? 0;
}

/** Continues every process of a tree, children first, so that no parent sees a child that it thinks stopped. */
export function continueTree(rootPid: number): void {
  for (const { pid } of processTree(rootPid).reverse()) signal(pid, 'SIGCONT');
}

/** How long a tree may take to stop, in ms. */
const STOP_MS = 5000;

/** Stops every process of a tree, those included that are forked meanwhile. Throws `deadline`. */
export async function stopTree(rootPid: number): Promise<void> {
  const until = performance.now() + STOP_MS;
  for (;;) {
    const running = processTree(rootPid).filter(({ state }) => !'TtZX'.includes(state));
    if (running.length === 0) return;
    if (performance.now() > until) {
      const names = running.map(({ pid, name, state }) => `${name} (${pid}, ${state})`).join(', ');
      throw new HelperFailure('deadline', `processes did not stop within ${STOP_MS} ms`, names);
    }
    for (const { pid } of running) signal(pid, 'SIGSTOP');
    await setTimeout(2);
  }
}

/** Sends a signal; nothing happens when the process has ended meanwhile. */
export function signal(pid: number, name: 'SIGCONT' | 'SIGSTOP'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** What a descriptor points at, as /proc spells it; empty when it is closed. */
export function descriptorTarget(pid: number, fd: number): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return '';
  }
}

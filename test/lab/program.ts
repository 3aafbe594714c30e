import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { insideGroups } from './cgroup.ts';
import { folders } from './folders.ts';
import { identify, type ProcessId } from './processes.ts';
import { type Finished, tryRun } from './run.ts';

/** A program that belongs to the lab's own machinery on a node. */
export interface Program {
  readonly name: string;
  readonly command: readonly string[];
}

const environment = [
  ...['env', '-i', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root'],
  // Programs of Kubernetes rather take memory than the two cores that scenarios wait for.
  'GOGC=400',
];

/** Command that runs another one inside all namespaces of a node. */
export function insideNode(init: number, command: readonly string[]): string[] {
  return ['nsenter', '-t', String(init), '-a', '--', ...environment, ...command];
}

/**
 * Starts a program that goes on after this process ends, in the cgroups of a member of the lab, its output in a log
 * file of its name.
 * @throws when it is gone at once.
 */
export function startDetached(member: string, program: Program): ProcessId {
  const log = logFile(member, program.name);
  mkdirSync(path.dirname(log), { recursive: true });
  const output = openSync(log, 'a');
  const [command, args] = insideGroups(member, program.command);
  const child = spawn(command, args, { detached: true, stdio: ['ignore', output, output] });
  closeSync(output);
  child.unref();
  const id = child.pid === undefined ? undefined : identify(child.pid);
  if (id === undefined) throw new Error(`${program.name} of ${member} did not start; see ${log}`);
  return id;
}

/** Runs a command inside a node, in its cgroups too, to its end. The exit code is in the result, not thrown. */
export function runInNode(node: string, init: number, command: readonly string[], input?: string): Promise<Finished> {
  const [program, args] = insideGroups(node, insideNode(init, command));
  return tryRun(program, args, input === undefined ? {} : { input });
}

/** Where the output of a program of a node goes. */
export function logFile(member: string, program: string): string {
  return path.join(folders.logs, member, `${program}.log`);
}

/**
 * Command that runs a program of another Debian root on this machine itself, with that root's own C library, so that
 * nothing needs to be installed here.
 * @param program its path in the root, without leading slash.
 */
export function fromRoot(root: string, program: string): string[] {
  return loading(root, path.join(root, program));
}

/** Command that runs a program, of wherever, with the C library and other libraries of a Debian root. */
export function loading(root: string, program: string): string[] {
  const libraries = ['usr/lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu/systemd', 'usr/lib'];
  return [
    path.join(root, 'usr/lib64/ld-linux-x86-64.so.2'),
    '--library-path',
    libraries.map((folder) => path.join(root, folder)).join(':'),
    program,
  ];
}

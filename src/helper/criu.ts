import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { type Finished, finished } from './command.ts';
import { CRIU_HOME } from './enter.ts';
import { IMAGES_DIR } from './pod-spec.ts';
import type { CriuTimes } from './protocol.ts';

/** Where dumps or received ones lie, in a directory for each container. */
export const IMAGE_FILES = path.join(IMAGES_DIR, 'img');
/** Those directories. */
export const imageDirectories = (count: number) =>
  Array.from({ length: count }, (_, container) => path.join(IMAGE_FILES, String(container)));
/** CRIU's directory for a moment (patch 0004), the same path on both sides. */
export const SCRATCH = path.join(IMAGES_DIR, 'scratch');
/** CRIU's logs, beside the images so that they do not travel. */
export const LOGS = path.join(IMAGES_DIR, 'log');

/**
 * The command line that starts CRIU from a directory that carries it, ahead of an action and its options. Where it runs may
 * be a container's file system, of which it must take neither configuration nor plugins.
 */
export function criuCommand(home: string): string[] {
  const program = [`${home}/ld.so`, '--library-path', `${home}/lib`, `${home}/criu`];
  return [...program, '--no-default-config', '--libdir', `${home}/plugins`];
}

/** Options that dump and restore must share. */
export const COMMON_OPTIONS: readonly string[] = [
  '--tcp-established',
  '--skip-in-flight',
  '--file-locks',
  '--ext-unix-sk',
  '--link-remap',
  '--shell-job',
  '--manage-cgroups=ignore',
  '--network-lock',
  'skip',
  '--leave-stopped',
  // Warnings and errors: what a refusal is explained by. More costs time within the freeze.
  '--verbosity=2',
];

/** Options of a dump of the pod's container of that index. */
export function dumpOptions(pid: number, container: number, externalMounts: readonly string[]): string[] {
  return [
    ...['dump', '--tree', String(pid), '--images-dir', path.join(IMAGE_FILES, String(container))],
    ...['--root', `/proc/${pid}/root`, '--log-file', path.join(LOGS, dumpLog(container)), '--ghost-limit', '512M'],
    ...['--external', `net[${namespaceInode(pid, 'net')}]:extNetNs`],
    ...externalMounts.flatMap((point) => ['--external', `mnt[${point}]:${point}`]),
    ...COMMON_OPTIONS,
  ];
}

/** Names of the logs in {@link LOGS}. */
export const dumpLog = (container: number) => `dump-${container}.log`;
export const restoreLog = (container: number) => `restore-${container}.log`;

/** Runs CRIU in the helper's own namespaces. */
export function runCriu(args: readonly string[]): Promise<Finished> {
  const [command = '', ...rest] = criuCommand(CRIU_HOME);
  return finished(
    spawn(command, [...rest, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Its `tar` is the one that leaves out gzip.
      env: { PATH: `${CRIU_HOME}/bin` },
    }),
  );
}

/**
 * Reads CRIU's stats-dump or stats-restore image: two magic numbers, a length, one protobuf message (images/stats.proto)
 * whose field 1 or 2 holds the figures, in microseconds. Returns field number to value; empty when it is no such file.
 */
export function parseStats(data: Buffer): Map<number, number> {
  const message = data.subarray(12);
  const outer = fields(message)[0];
  if (!outer || typeof outer.value === 'number') return new Map();
  const values = new Map<number, number>();
  for (const { number, value } of fields(outer.value)) if (typeof value === 'number') values.set(number, value);
  return values;
}

type Field = { number: number; value: number | Buffer };

function fields(data: Buffer): Field[] {
  const found: Field[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; at < data.length; scale *= 128) {
      const byte = data[at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) break;
    }
    return value;
  };
  while (at < data.length) {
    const key = varint();
    const kind = key & 7;
    if (kind !== 0 && kind !== 2) break;
    const length = varint();
    if (kind === 0) found.push({ number: key >> 3, value: length });
    else {
      found.push({ number: key >> 3, value: data.subarray(at, at + length) });
      at += length;
    }
  }
  return found;
}

/** CRIU's own figures of the dumps (freezing_time, frozen_time) or restores (forking_time, restore_time), summed up. */
export function readCriuTimes(act: 'dump' | 'restore', directories: readonly string[], wallMs: number): CriuTimes {
  const numbers = act === 'dump' ? [1, 2] : [3, 4];
  const totalUs = directories.flatMap((directory) => {
    const file = path.join(directory, `stats-${act}`);
    const stats = existsSync(file) ? parseStats(readFileSync(file)) : new Map<number, number>();
    return numbers.map((number) => stats.get(number) ?? 0);
  });
  return { totalMs: totalUs.reduce((sum, each) => sum + each, 0) / 1000, wallMs };
}

/** The inode that names a namespace of a process. */
export const namespaceInode = (pid: number, kind: string) => statSync(`/proc/${pid}/ns/${kind}`).ino;

/**
 * Makes CRIU's directories and lets it find out about the kernel once: it keeps what it found in {@link SCRATCH} (a
 * tmpfs, as it demands) and saves that time in the freeze. Idempotent.
 */
export async function warmUp(): Promise<void> {
  for (const directory of [IMAGE_FILES, LOGS, SCRATCH]) mkdirSync(directory, { recursive: true, mode: 0o700 });
  await runCriu(['check']);
}

/** A CRIU log of this helper; empty when there is none. */
export function readLog(name: string): string {
  try {
    return readFileSync(path.join(LOGS, name), 'utf8');
  } catch {
    return '';
  }
}

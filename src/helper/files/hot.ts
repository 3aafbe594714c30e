import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { readProc } from '../processes.ts';

const WRITING = constants.O_WRONLY | constants.O_RDWR;
const CHUNK_BYTES = 1024 * 1024;

/** The files that a /proc/PID/maps text shows as shared and writable. */
export function sharedWritableFiles(maps: string): string[] {
  return maps
    .split('\n')
    .map((line) => /^\S+ .w.s \S+ \S+ [1-9]\d*\s+(\/.*)$/.exec(line)?.[1] ?? '')
    .filter((file) => file && !file.endsWith(' (deleted)'));
}

/**
 * The files, as the container names them, that its processes have mapped for writing or open for writing: a change of
 * theirs need not show in their times yet, so they are compared by digest.
 */
export function filesBeingWritten(pids: readonly number[]): Set<string> {
  const found = new Set<string>();
  for (const pid of pids) {
    for (const file of sharedWritableFiles(readProc(pid, 'maps') ?? '')) found.add(file);
    for (const file of openForWriting(pid)) found.add(file);
  }
  return found;
}

function openForWriting(pid: number): string[] {
  const found = [];
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
      if (!target.startsWith('/') || target.endsWith(' (deleted)')) continue;
      const info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8');
      const flags = Number.parseInt(/^flags:\s*(\d+)/m.exec(info)?.[1] ?? '0', 8);
      if (flags & WRITING) found.push(target);
    }
  } catch {
    // The process or the descriptor is gone: nothing of it can be written any more.
  }
  return found;
}

/** Hex sha256 of a regular file; undefined when it is none or gone. Constant memory. */
export function digestFile(file: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let length = readSync(fd, buffer); length > 0; length = readSync(fd, buffer)) {
      hash.update(buffer.subarray(0, length));
    }
    return hash.digest('hex');
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

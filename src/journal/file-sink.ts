import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { MigrateError } from '../domain/errors.ts';
import { COMMAND } from '../domain/names.ts';
import type { JournalSink } from './ports.ts';
import {
  assembleRecord,
  checkId,
  type JournalHeader,
  type JournalRecord,
  type JournalWrite,
  parseHeader,
  parseWrite,
} from './record.ts';

const SUFFIX = '.ndjson';
/** After the name of a file that is of no use as a record. */
const ASIDE = '.aside';
/** Longest journal that is read, in bytes; ours end far below. */
const MAX_FILE = 8 * 1024 * 1024;

/** `$XDG_STATE_HOME/kubectl-migrate`, by default `~/.local/state/kubectl-migrate`. */
export function journalFolder(env: Readonly<Record<string, string | undefined>>, home = homedir()): string {
  const state = env['XDG_STATE_HOME'];
  // The XDG specification: a relative path is to be ignored.
  const root = state && path.isAbsolute(state) ? state : path.join(home, '.local', 'state');
  return path.join(root, 'kubectl-migrate');
}

/** Where the last whole line of a file ends, in bytes, and the serial of its last write. */
interface Known {
  readonly serial: number;
  readonly length: number;
  /** The file goes on after that: a line that a crash cut off. */
  readonly torn: boolean;
}

/**
 * Records as files `<id>.ndjson`: the header in the first line, a write in each further one, all of it synced to disk
 * before the call returns. Files are 0600, the folder 0700. A torn last line is one whose act had not begun; it is cut
 * off by the first write after it. A file that is longer or shorter than this process left it ends the write with F315.
 */
export function createFileSink(folder: string): JournalSink {
  const known = new Map<string, Known>();
  const fileOf = (id: string): string => path.join(folder, `${checkId(id)}${SUFFIX}`);
  return {
    place: folder,
    create: async (header) => {
      const file = fileOf(header.id);
      await guarded(file, async () => {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        const content = encode([header]);
        await using(await open(file, 'wx', 0o600), async (handle) => {
          await handle.appendFile(content);
          await handle.datasync();
        });
        await syncFolder(folder);
        known.set(header.id, { serial: 0, length: content.length, torn: false });
      });
    },
    write: async (id, writes) => {
      const file = fileOf(id);
      const before = known.get(id);
      if (before === undefined) throw new Error(`record ${id} was not opened`);
      const added = writes.filter((write) => write.serial > before.serial);
      const last = added.at(-1);
      if (last === undefined) return;
      const content = encode(added);
      await guarded(file, () => appendSynced(file, before, content));
      known.set(id, { serial: last.serial, length: before.length + content.length, torn: false });
    },
    setAside: async (id) => {
      const file = fileOf(id);
      await guarded(file, () => rename(file, file + ASIDE));
      known.delete(id);
      return file + ASIDE;
    },
    remove: async (id) => {
      const file = fileOf(id);
      for (const each of [file, file + ASIDE]) await guarded(each, () => rm(each, { force: true }));
      known.delete(id);
    },
    load: async (id) => {
      const file = fileOf(id);
      const found = await guarded(file, () => readRecord(file));
      if (found === undefined) return undefined;
      known.set(id, found.known);
      return found.record;
    },
  };
}

function encode(lines: readonly (JournalHeader | JournalWrite)[]): Buffer {
  return Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** Without O_CREAT: a file that somebody removed must not come back without its header. */
async function appendSynced(file: string, known: Known, content: Buffer): Promise<void> {
  await using(await open(file, constants.O_WRONLY | constants.O_APPEND), async (handle) => {
    const { size } = await handle.stat();
    if (known.torn && size > known.length) await handle.truncate(known.length);
    else if (size !== known.length) throw changedByOthers(file);
    try {
      await handle.appendFile(content);
      await handle.datasync();
    } catch (error) {
      // A half-written line (disk full) would make every later one unreadable.
      await handle.truncate(known.length).catch(() => undefined);
      throw error;
    }
  });
}

/** Makes the name of a new file durable too. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  await using(await open(folder, 'r'), (handle) => handle.sync());
}

async function using<T>(handle: FileHandle, act: (handle: FileHandle) => Promise<T>): Promise<T> {
  try {
    return await act(handle);
  } finally {
    await handle.close();
  }
}

async function readRecord(file: string): Promise<{ record: JournalRecord; known: Known } | undefined> {
  const content = await readBounded(file);
  if (content === undefined) return undefined;
  const length = content.lastIndexOf('\n') + 1;
  const lines = content.subarray(0, length).toString('utf8').split('\n').slice(0, -1);
  // Without a whole header nothing was ever begun under this id.
  if (lines.length === 0) return undefined;
  const parsed = lines.map((line) => parseLine(line, file));
  const header = parseHeader(parsed[0], file);
  const record = assembleRecord(
    header,
    parsed.slice(1).map((line) => parseWrite(line, file)),
    file,
  );
  return { record, known: { serial: record.serial, length, torn: length < content.length } };
}

async function readBounded(file: string): Promise<Buffer | undefined> {
  try {
    const handle = await open(file, 'r');
    return await using(handle, async () => {
      if ((await handle.stat()).size > MAX_FILE) throw new Error('it is too large to be a record');
      return await readFile(handle);
    });
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function parseLine(line: string, file: string): unknown {
  try {
    return z.looseObject({}).parse(JSON.parse(line));
  } catch {
    throw new MigrateError('F350', {
      detail: `${file} holds a line that is not one of a record`,
      remedy: 'the record in the source cluster counts; move this file away',
    });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EEXIST: 'there is such a record already',
  ENOSPC: 'the disk is full',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
};

async function guarded<T>(file: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof MigrateError) throw error;
    const code = errorCode(error);
    const why = REASONS[code] ?? (error instanceof Error ? error.message : String(error));
    throw new MigrateError('F350', {
      detail: `${file}: ${why}`,
      remedy: 'make room or permission there, or choose another folder with XDG_STATE_HOME',
      cause: error,
    });
  }
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function changedByOthers(file: string): MigrateError {
  return new MigrateError('F315', {
    detail: `${file} was changed by somebody else while this move was running`,
    remedy: `look for another ${COMMAND} of the same pod; this one stops`,
  });
}

import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { HelperFailure } from '../failure.ts';
import { type FrameWriter, MAX_FRAME_BYTES, type Totals, type TransferSink } from './framing.ts';

// Images lie in a tmpfs: reading and writing them is copying memory, and done without a turn of the event loop each.

/** System V objects of the pod: every container's dump has them, the last one as they were in the end. */
const OF_POD = /^ipcns-(shm|msg|sem)-/;

/** Sends every file of the containers' directories. */
export async function sendImages(directories: readonly string[], writer: FrameWriter): Promise<Totals> {
  let files = 0;
  for (const [container, directory] of directories.entries()) {
    const all = readdirSync(directory).sort();
    const names = container === directories.length - 1 ? all : all.filter((name) => !OF_POD.test(name));
    for (const name of names) {
      await writer.part({ kind: 'image', container, name });
      await sendFile(path.join(directory, name), writer);
    }
    files += names.length;
  }
  return writer.end(files);
}

async function sendFile(file: string, writer: FrameWriter): Promise<void> {
  const fd = openSync(file, 'r');
  try {
    for (;;) {
      const buffer = Buffer.allocUnsafe(Math.min(MAX_FRAME_BYTES, Math.max(4096, fstatSync(fd).size)));
      const length = readSync(fd, buffer);
      if (length === 0) break;
      await writer.data(buffer.subarray(0, length));
    }
  } finally {
    closeSync(fd);
  }
}

/** Takes images into the containers' directories, which are emptied first. */
export function imageSink(directories: readonly string[]): TransferSink {
  for (const directory of directories) {
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }
  let fd: number | undefined;
  let files = 0;
  const finish = () => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  return {
    async part(part) {
      finish();
      if (part.kind !== 'image') throw new HelperFailure('transfer-broken', `images expected, ${part.kind} came`);
      const directory = directories[part.container];
      if (directory === undefined) throw new HelperFailure('transfer-broken', `no container ${part.container}`);
      fd = openSync(path.join(directory, part.name), 'wx', 0o600);
      files++;
    },
    async data(data) {
      if (fd === undefined) throw new HelperFailure('transfer-broken', 'bytes without a file came');
      try {
        for (let at = 0; at < data.byteLength; ) at += writeSync(fd, data, at);
      } catch (error) {
        throw new HelperFailure('no-space', 'the images do not fit on the target node', String(error));
      }
    },
    async end() {
      finish();
      return files;
    },
  };
}

import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { HelperFailure } from '../failure.ts';
import { type FrameWriter, MAX_FRAME_BYTES, type Totals, type TransferSink } from './framing.ts';

// Images lie in a tmpfs: reading and writing them is copying memory, and done without a turn of the event loop each.

/** Sends every file of a directory, smallest names first. */
export async function sendImages(directory: string, writer: FrameWriter): Promise<Totals> {
  const names = readdirSync(directory).sort();
  for (const name of names) {
    await writer.part({ kind: 'image', name });
    const fd = openSync(path.join(directory, name), 'r');
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
  return writer.end(names.length);
}

/** Takes images into a directory that is emptied first. */
export function imageSink(directory: string): TransferSink {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
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

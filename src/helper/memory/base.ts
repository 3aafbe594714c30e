import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { TransferSink } from '../bulk/framing.ts';
import { writeAll } from '../bulk/write-all.ts';
import { HelperFailure } from '../failure.ts';
import { IMAGES_DIR } from '../pod-spec.ts';

/** The memory that was copied ahead, page after page; the same on both ends. */
export const BASE_FILE = path.join(IMAGES_DIR, 'base');

/** Forgets the copy. Idempotent. */
export function removeBase(file: string): void {
  rmSync(file, { force: true });
}

/** Makes the file anew. */
export function createBase(file: string): number {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  removeBase(file);
  return openSync(file, 'wx+', 0o600);
}

/** Takes the copy into a file. */
export function baseSink(file: string): TransferSink {
  const fd = createBase(file);
  return {
    async part({ kind }) {
      if (kind !== 'memory') throw new HelperFailure('transfer-broken', `memory expected, ${kind} came`);
    },
    async data(data) {
      try {
        writeAll(fd, data);
      } catch (error) {
        throw new HelperFailure('no-space', 'the memory does not fit on the target node', String(error));
      }
    },
    async end() {
      closeSync(fd);
      return 1;
    },
  };
}

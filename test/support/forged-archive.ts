import { closeSync, openSync, readdirSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import { type Core, forgeCore } from './criu-images.ts';
import { withSum } from './tar-blocks.ts';

const BLOCK = 512;
/** An image of the first process is at the beginning of an archive, among small ones. */
const BEGINNING = 256 * 1024;

/**
 * Changes the first process's image in the archive whose name begins with `prefix`, if it is in a folder where one is being
 * written. The archive keeps its length, for the new image takes as many blocks as the old one. Yields true once it has.
 * `descriptor`: all of CRIU's definitions.
 */
export function forgedArchive(
  descriptor: string,
  { folder, prefix }: { readonly folder: string; readonly prefix: string },
  change: (core: Core) => void,
): true | undefined {
  const name = readdirSync(folder).find((each) => each.startsWith(prefix));
  return name !== undefined && forge(descriptor, path.join(folder, name), change) ? true : undefined;
}

function forge(descriptor: string, file: string, change: (core: Core) => void): boolean {
  const open = openSync(file, 'r+');
  try {
    const begun = Buffer.alloc(BEGINNING);
    const data = begun.subarray(0, readSync(open, begun, 0, BEGINNING, 0));
    const at = data.indexOf('checkpoint/core-1.img\0');
    const size = Number.parseInt(data.toString('latin1', at + 124, at + 135), 8);
    const room = Math.ceil(size / BLOCK) * BLOCK;
    if (at < 0 || data.length < at + BLOCK + room + BLOCK) return false;
    const image = data.subarray(at + BLOCK, at + BLOCK + size);
    const forged = forgeCore(descriptor, image, change);
    if (Math.ceil(forged.length / BLOCK) * BLOCK !== room)
      throw new Error(`it was ${size} bytes, now ${forged.length}`);
    const header = data.subarray(at, at + BLOCK);
    header.write(forged.length.toString(8).padStart(11, '0'), 124);
    const entry = Buffer.concat([withSum(header), forged, Buffer.alloc(room - forged.length)]);
    writeSync(open, entry, 0, entry.length, at);
    return true;
  } finally {
    closeSync(open);
  }
}

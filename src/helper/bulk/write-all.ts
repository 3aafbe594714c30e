import { writeSync } from 'node:fs';

/** Writes all of it, at a position or where the file stands. Throws what the system says. */
export function writeAll(fd: number, data: Buffer, position?: number): void {
  for (let at = 0; at < data.byteLength; )
    at += writeSync(fd, data, at, data.byteLength - at, position === undefined ? null : position + at);
}

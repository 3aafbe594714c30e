import { closeSync, constants, openSync, readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { PLACEHOLDER_DIR } from './placeholder-spec.ts';

// A connection that was reset at a move stays bound, closed as it is, to the address of that time until the program
// closes it, and the next restore has to bind it again. So the addresses of former moves are kept beside the
// placeholder, in the pod's emptyDir. The container may write there: what is read is checked and bounded.

/** So many former addresses are kept, newest first. */
const KEPT = 6;
const schema = z.array(z.union([z.ipv4(), z.ipv6()])).max(KEPT);
const fileOf = (placeholderPid: number) => `/proc/${placeholderPid}/root${PLACEHOLDER_DIR}/addresses`;

/** The addresses that the container's sockets may still be bound to from former moves. */
export function formerAddresses(placeholderPid: number): string[] {
  try {
    const fd = openSync(fileOf(placeholderPid), constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return schema.parse(JSON.parse(readFileSync(fd, 'utf8')));
    } finally {
      closeSync(fd);
    }
  } catch {
    return [];
  }
}

/** Keeps them for the next move. */
export function rememberAddresses(placeholderPid: number, addresses: readonly string[]): void {
  writeInto(fileOf(placeholderPid), JSON.stringify(addresses.slice(0, KEPT)));
}

/** Writes a file into a directory that belongs to a pod: a link that lies there is not followed. */
export function writeInto(file: string, text: string): void {
  const fd = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, 0o644);
  try {
    writeFileSync(fd, text);
  } finally {
    closeSync(fd);
  }
}

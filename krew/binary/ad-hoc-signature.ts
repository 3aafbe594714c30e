import { createHash } from 'node:crypto';
import { type MachO, parseMachO, pointAtSignature } from './mach-o.ts';

// <Security/CSCommon.h> and xnu's cs_blobs.h; all numbers of a signature are big-endian.
const SUPER_BLOB = 0xfade0cc0;
const CODE_DIRECTORY = 0xfade0c02;
const VERSION_WITH_EXECUTABLE_SEGMENT = 0x20400;
const ADHOC_AND_LINKER_SIGNED = 0x20002;
const MAIN_BINARY = 1n;
const PAGE_BITS = 12;
const PAGE = 1 << PAGE_BITS;
const HASH_BYTES = 32;
const SHA256 = 2;
const HEADER_BYTES = 88;
const BLOB_OFFSET = 20;

const align = (value: number, to: number): number => Math.ceil(value / to) * to;

/**
 * A copy of a Mach-O binary with an ad-hoc signature, the kind that a linker makes, in place of whatever it had: an
 * arm64 Mac runs nothing without one, and what was injected made the old one void. Pure.
 * @throws when the file is no thin 64-bit Mach-O.
 */
export function signAdHoc(file: Buffer, identifier: string): Buffer {
  const macho = parseMachO(file);
  const limit = align(macho.signature?.offset ?? file.length, 16);
  const pages = Math.ceil(limit / PAGE);
  const hashes = HEADER_BYTES + Buffer.byteLength(identifier) + 1;
  const directoryBytes = hashes + pages * HASH_BYTES;
  const size = align(BLOB_OFFSET + directoryBytes, 16);
  const signed = Buffer.alloc(limit + size);
  file.copy(signed, 0, 0, Math.min(file.length, limit));
  pointAtSignature(signed, macho, limit, size);
  words(signed, limit, [SUPER_BLOB, BLOB_OFFSET + directoryBytes, 1, 0, BLOB_OFFSET]);
  const directory = signed.subarray(limit + BLOB_OFFSET);
  writeDirectory(directory, { macho, limit, pages, hashes, directoryBytes });
  directory.write(`${identifier}\0`, HEADER_BYTES, 'latin1');
  // The last page is hashed as far as it is code: macOS 27 takes no padding there.
  for (let n = 0; n < pages; n++) pageHash(signed, n, limit).copy(directory, hashes + n * HASH_BYTES);
  return signed;
}

interface Layout {
  readonly macho: MachO;
  readonly limit: number;
  readonly pages: number;
  readonly hashes: number;
  readonly directoryBytes: number;
}

function writeDirectory(directory: Buffer, { macho, limit, pages, hashes, directoryBytes }: Layout): void {
  const version = VERSION_WITH_EXECUTABLE_SEGMENT;
  const flags = ADHOC_AND_LINKER_SIGNED;
  words(directory, 0, [CODE_DIRECTORY, directoryBytes, version, flags, hashes, HEADER_BYTES, 0, pages, limit]);
  directory.set([HASH_BYTES, SHA256, 0, PAGE_BITS], 36);
  directory.writeBigUInt64BE(BigInt(macho.text.fileOffset), 64);
  directory.writeBigUInt64BE(BigInt(macho.text.fileSize), 72);
  directory.writeBigUInt64BE(MAIN_BINARY, 80);
}

function words(into: Buffer, at: number, values: readonly number[]): void {
  for (const [index, value] of values.entries()) into.writeUInt32BE(value, at + index * 4);
}

function pageHash(file: Buffer, page: number, limit: number): Buffer {
  return createHash('sha256')
    .update(file.subarray(page * PAGE, Math.min((page + 1) * PAGE, limit)))
    .digest();
}

/**
 * What is wrong with the signature of a Mach-O binary, as a Mac would find it by reading the pages: an empty list for
 * one that holds. Works for signatures of others too, as far as their page hashes go. Pure.
 * @throws when the file is no thin 64-bit Mach-O.
 */
export function signatureFaults(file: Buffer): string[] {
  const { signature } = parseMachO(file);
  if (!signature) return ['there is no signature'];
  if (signature.offset + signature.size !== file.length) return ['the signature is not the end of the file'];
  const blob = file.subarray(signature.offset);
  const found = directoryOf(blob);
  if (!found) return ['the signature has no code directory with SHA-256'];
  const limit = found.readUInt32BE(32);
  const page = 1 << (found[39] ?? 0);
  const pages = found.readUInt32BE(28);
  if (page !== PAGE || limit !== signature.offset || pages !== Math.ceil(limit / PAGE)) {
    return ['the code directory does not cover the code'];
  }
  const hashes = found.readUInt32BE(16);
  return Array.from({ length: pages }, (_, n) => n)
    .filter(
      (n) => !pageHash(file, n, limit).equals(found.subarray(hashes + n * HASH_BYTES, hashes + (n + 1) * HASH_BYTES)),
    )
    .map((n) => `page ${n} is not what was signed`);
}

function directoryOf(blob: Buffer): Buffer | undefined {
  if (blob.readUInt32BE(0) !== SUPER_BLOB) return undefined;
  const offsets = Array.from({ length: blob.readUInt32BE(8) }, (_, n) => blob.readUInt32BE(12 + n * 8 + 4));
  return offsets
    .map((offset) => blob.subarray(offset))
    .find((each) => each.readUInt32BE(0) === CODE_DIRECTORY && each[37] === SHA256);
}

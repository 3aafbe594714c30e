// Offsets of Microsoft's PE format, for 64-bit programs.
const PE_OFFSET_AT = 0x3c;
const OPTIONAL_HEADER = 24;
const MAGIC_64 = 0x20b;
const DIRECTORIES = 112;
const CERTIFICATE_TABLE = 4;

/** The entry that says where the certificates lie: file offset and size, each in four bytes. */
function certificateEntry(file: Buffer): Buffer {
  const header = file.readUInt32LE(PE_OFFSET_AT) + OPTIONAL_HEADER;
  if (file.toString('latin1', 0, 2) !== 'MZ' || file.readUInt16LE(header) !== MAGIC_64) {
    throw new Error('not a 64-bit program for Windows');
  }
  const entry = header + DIRECTORIES + CERTIFICATE_TABLE * 8;
  return file.subarray(entry, entry + 8);
}

/** How many bytes of certificates a program says that it has: 0 for one that is not signed. Pure. */
export const certificateBytes = (file: Buffer): number => certificateEntry(file).readUInt32LE(4);

/**
 * A copy of a program that is plainly unsigned. What is injected makes the signature of Node void, and the injector
 * overwrites it but leaves the entry that points at it, which looks like a damaged signature. Pure.
 * @throws when the file is no 64-bit program for Windows.
 */
export function withoutCertificates(file: Buffer): Buffer {
  const unsigned = Buffer.from(file);
  certificateEntry(unsigned).fill(0);
  return unsigned;
}

const MAGIC_64 = 0xfeedfacf;
const SEGMENT_64 = 0x19;
const CODE_SIGNATURE = 0x1d;
const X86_64 = 0x01000007;

interface Segment {
  /** Where its load command stands. */
  readonly at: number;
  readonly fileOffset: number;
  readonly fileSize: number;
}

/** What signing needs to know of a thin 64-bit Mach-O file; offsets are in bytes from its start. */
export interface MachO {
  readonly x64: boolean;
  readonly commands: number;
  readonly commandBytes: number;
  readonly endOfCommands: number;
  /** The first byte that a section holds: load commands can grow up to it. */
  readonly firstSection: number;
  readonly text: Segment;
  readonly linkEdit: Segment;
  readonly signature?: { readonly at: number; readonly offset: number; readonly size: number };
}

/**
 * Reads header and load commands, as <mach-o/loader.h> lays them out.
 * @throws when the file is no thin 64-bit Mach-O, or lacks one of the two segments.
 */
export function parseMachO(file: Buffer): MachO {
  if (file.length < 32 || file.readUInt32LE(0) !== MAGIC_64) throw new Error('not a thin 64-bit Mach-O file');
  const commands = file.readUInt32LE(16);
  const segments = new Map<string, Segment>();
  let signature: MachO['signature'];
  let firstSection = file.length;
  let at = 32;
  for (let n = 0; n < commands; n++) {
    const command = file.readUInt32LE(at);
    if (command === SEGMENT_64) {
      const { name, segment, sections } = readSegment(file, at);
      segments.set(name, segment);
      firstSection = Math.min(firstSection, ...sections);
    } else if (command === CODE_SIGNATURE) {
      signature = { at, offset: file.readUInt32LE(at + 8), size: file.readUInt32LE(at + 12) };
    }
    at += file.readUInt32LE(at + 4);
  }
  const text = segments.get('__TEXT');
  const linkEdit = segments.get('__LINKEDIT');
  if (!text || !linkEdit) throw new Error('a Mach-O file without __TEXT or __LINKEDIT');
  const commandBytes = file.readUInt32LE(20);
  const x64 = file.readUInt32LE(4) === X86_64;
  return {
    x64,
    commands,
    commandBytes,
    endOfCommands: at,
    firstSection,
    text,
    linkEdit,
    ...(signature && { signature }),
  };
}

function readSegment(file: Buffer, at: number): { name: string; segment: Segment; sections: number[] } {
  const [name = ''] = file.toString('latin1', at + 8, at + 24).split('\0');
  const count = file.readUInt32LE(at + 64);
  const sections = Array.from({ length: count }, (_, n) => file.readUInt32LE(at + 72 + n * 80 + 48)).filter(Boolean);
  const fileOffset = Number(file.readBigUInt64LE(at + 40));
  return { name, segment: { at, fileOffset, fileSize: Number(file.readBigUInt64LE(at + 48)) }, sections };
}

/** Extends __LINKEDIT to the file's end and points LC_CODE_SIGNATURE, added where there is none, at what lies there. */
export function pointAtSignature(file: Buffer, macho: MachO, offset: number, size: number): void {
  let at = macho.signature?.at;
  if (at === undefined) {
    at = macho.endOfCommands;
    if (at + 16 > macho.firstSection) throw new Error('no room for another load command');
    file.writeUInt32LE(macho.commands + 1, 16);
    file.writeUInt32LE(macho.commandBytes + 16, 20);
  }
  for (const [index, value] of [CODE_SIGNATURE, 16, offset, size].entries()) file.writeUInt32LE(value, at + index * 4);
  const length = file.length - macho.linkEdit.fileOffset;
  const page = macho.x64 ? 0x1000 : 0x4000;
  file.writeBigUInt64LE(BigInt(Math.ceil(length / page) * page), macho.linkEdit.at + 32);
  file.writeBigUInt64LE(BigInt(length), macho.linkEdit.at + 48);
}

import protobuf from 'protobufjs';
import { z } from 'zod';
import { HelperFailure } from '../failure.ts';

/** IMG_COMMON_MAGIC of criu/include/magic.h. */
const COMMON_MAGIC = 0x54564319;
/** Longest entry that is read, in bytes: those of a core or a mount are far below. */
const MAX_ENTRY = 4 * 2 ** 20;

/** Reads CRIU's images by CRIU's own definitions (`image/descriptor.ts`). */
export class CriuImages {
  readonly #root: protobuf.Root;

  /** @param descriptor JSON of `criuDescriptor` */
  constructor(descriptor: string) {
    this.#root = protobuf.Root.fromJSON(JSON.parse(descriptor));
  }

  /** Compiles the readers of all messages, so that none is compiled while a source is frozen. */
  warmUp(): void {
    for (const type of this.#root.nestedArray) if (type instanceof protobuf.Type) type.setup();
  }

  /**
   * Every entry of an image: two magic numbers, then for each its length and the message (criu.org/Images). `check` says
   * what of it is looked at. Throws `not-movable` for what is no such image.
   */
  entries<T>(name: string, data: Buffer, message: string, check: z.ZodType<T>): T[] {
    const type = this.#root.lookupType(message);
    try {
      return framesOf(data).map((frame) => check.parse(type.toObject(type.decode(frame), { longs: Number })));
    } catch (error) {
      const why = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
      throw new HelperFailure('not-movable', `the process image is damaged: ${name} cannot be read`, why);
    }
  }
}

function framesOf(data: Buffer): Buffer[] {
  if (data.length < 8 || data.readUInt32LE(0) !== COMMON_MAGIC) throw new Error('it does not begin as an image');
  const frames: Buffer[] = [];
  for (let at = 8; at < data.length; ) {
    const length = data.readUInt32LE(at);
    if (length > MAX_ENTRY || at + 4 + length > data.length) throw new Error(`an entry of ${length} bytes at ${at}`);
    frames.push(data.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return frames;
}

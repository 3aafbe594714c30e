import protobuf from 'protobufjs';
import { z } from 'zod';
import { HelperFailure } from '../failure.ts';

/** IMG_COMMON_MAGIC of criu/include/magic.h. */
const COMMON_MAGIC = 0x54564319;
/** INVENTORY_MAGIC: that image has no other before it. */
const INVENTORY_MAGIC = 0x58313116;
/** Longest entry that is read, in bytes: those of a core or a mount are far below. */
const MAX_ENTRY = 4 * 2 ** 20;

/** An image file. */
export interface Named {
  readonly name: string;
  readonly data: Buffer;
}

/** Reads CRIU's images by CRIU's own definitions (`image/descriptor.ts`). */
export class CriuImages {
  readonly #root: protobuf.Root;

  /** @param descriptor JSON of `criuDescriptor` */
  constructor(descriptor: string) {
    this.#root = protobuf.Root.fromJSON(JSON.parse(descriptor));
  }

  /**
   * An image with an entry of each of these messages that has all its fields, each as empty as can be. The readers of a
   * message are compiled by their first use, which takes ten times as long as the reading itself: reading a sample ahead
   * of the freeze keeps that out of it. Pure.
   */
  sample(...messages: string[]): Buffer {
    const entries = messages.map((message) => Buffer.from(encoded(this.#root.lookupType(message))));
    return Buffer.concat([number(COMMON_MAGIC), number(0), ...framed(entries)]);
  }

  /**
   * The image with what `change` has changed of its entries, and all the rest as it was; the very one where it says of none
   * that it has changed it. Throws `not-movable` for what is no such image, and for an entry to be changed that these
   * definitions do not cover wholly: what they do not know of would be lost. Pure.
   */
  rewritten<T>(name: string, data: Buffer, message: string, change: (entry: T) => boolean): Buffer {
    const type = this.#root.lookupType(message);
    const changed = (frame: Buffer) => {
      const entry = type.decode(frame);
      if (!change(entry as unknown as T)) return frame;
      if (!frame.equals(type.encode(type.decode(frame)).finish()))
        throw new Error('an entry has more than is known of it');
      return Buffer.from(type.encode(entry).finish());
    };
    return readable(name, () => {
      const frames = framesOf(data);
      const after = frames.map(changed);
      return after.every((frame, at) => frame === frames[at])
        ? data
        : Buffer.concat([data.subarray(0, 8), ...framed(after)]);
    });
  }

  /** The image with only the entries that `keep` says yes to, by their places, and more of them; the very one where nothing changes. */
  relisted(
    name: string,
    data: Buffer,
    message: string,
    { keep, add }: { keep: (index: number) => boolean; add: readonly object[] },
  ): Buffer {
    return readable(name, () => {
      const type = this.#root.lookupType(message);
      const frames = framesOf(data);
      const kept = frames.filter((_, index) => keep(index));
      if (kept.length === frames.length && add.length === 0) return data;
      const added = add.map((entry) => Buffer.from(type.encode(type.fromObject(entry)).finish()));
      return Buffer.concat([data.subarray(0, 8), ...framed([...kept, ...added])]);
    });
  }

  /**
   * Every entry of an image: two magic numbers, then for each its length and the message (criu.org/Images). `check` says
   * what of it is looked at. Throws `not-movable` for what is no such image.
   */
  entries<T>(name: string, data: Buffer, message: string, check: z.ZodType<T>): T[] {
    return readable(name, () => framesOf(data).map((frame) => this.#read(frame, message, check)));
  }

  /** As {@link entries} for an image whose first entry is of another message. */
  headed<H, T>(name: string, data: Buffer, head: Kind<H>, rest: Kind<T>): { first: H; rest: T[] } {
    return readable(name, () => {
      const [first = Buffer.alloc(0), ...others] = framesOf(data);
      return {
        first: this.#read(first, head.message, head.check),
        rest: others.map((frame) => this.#read(frame, rest.message, rest.check)),
      };
    });
  }

  #read<T>(frame: Buffer, message: string, check: z.ZodType<T>): T {
    const type = this.#root.lookupType(message);
    return check.parse(type.toObject(type.decode(frame), { longs: Number }));
  }
}

/** A message of CRIU's, and what of it is looked at. */
export interface Kind<T> {
  readonly message: string;
  readonly check: z.ZodType<T>;
}

function readable<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new HelperFailure('not-movable', `the process image is damaged: ${name} cannot be read`, why);
  }
}

function encoded(type: protobuf.Type): Uint8Array {
  return type.encode(type.fromObject(emptyOf(type))).finish();
}

/** `outer`: messages that it is in, which are not in it once more. */
function emptyOf(type: protobuf.Type, outer: readonly protobuf.Type[] = []): Record<string, unknown> {
  const around = [...outer, type];
  const fields = type.fieldsArray.map((field) => field.resolve());
  const finite = fields.filter(({ resolvedType }) => !around.some((each) => each === resolvedType));
  return Object.fromEntries(
    finite.map((field) => {
      const { name, repeated, resolvedType } = field;
      const value = resolvedType instanceof protobuf.Type ? emptyOf(resolvedType, around) : emptyValue(field);
      return [name, repeated ? [value] : value];
    }),
  );
}

function emptyValue({ type, resolvedType }: protobuf.Field): unknown {
  if (resolvedType instanceof protobuf.Enum) return Object.values(resolvedType.values)[0];
  return type === 'string' || type === 'bytes' ? '' : type === 'bool' ? false : 0;
}

const number = (value: number) => Buffer.from(Uint32Array.of(value).buffer);

function framed(entries: readonly Buffer[]): Buffer[] {
  return entries.flatMap((entry) => [number(entry.length), entry]);
}

function framesOf(data: Buffer): Buffer[] {
  const magic = data.length < 8 ? 0 : data.readUInt32LE(0);
  if (magic !== COMMON_MAGIC && magic !== INVENTORY_MAGIC) throw new Error('it does not begin as an image');
  const frames: Buffer[] = [];
  for (let at = magic === COMMON_MAGIC ? 8 : 4; at < data.length; ) {
    const length = data.readUInt32LE(at);
    if (length > MAX_ENTRY || at + 4 + length > data.length) throw new Error(`an entry of ${length} bytes at ${at}`);
    frames.push(data.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return frames;
}

import { createHash } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import { absolutePath } from '../facts.ts';
import { HelperFailure } from '../failure.ts';
import { type Known, packKnown, unpackKnown } from '../memory/known.ts';
import { MOST_CONTAINERS } from '../protocol.ts';

// What travels on a bulk stream. A frame is a type (1 byte), a length (4 bytes, big endian) and that many bytes.
// A transfer is: parts, each a `part` frame (JSON) followed by its `data` frames; then `end` (JSON: what was counted).
// A `packed` frame is a data frame compressed with zstd: an exec stream passes two API servers and two kubelets, and a
// byte costs more there than here. `known` comes before the data of a stretch of an image: pages of it that the other end
// has from a transfer of memory; the data fill what is between them. `close` ends the stream. The digest covers type and
// content of every part, known and data frame in their order, unpacked.

/** Frame types. */
const FRAME = { part: 1, data: 2, end: 3, close: 4, failed: 5, packed: 6, known: 7 } as const;

/** Most bytes that one frame carries. */
export const MAX_FRAME_BYTES = 1024 * 1024;

/** Of which container of the pod, by its place in the order that both ends were told. */
const container = z
  .int()
  .min(0)
  .max(MOST_CONTAINERS - 1);
const imageName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);

/**
 * What a part of a transfer is: a CRIU image, memory that was copied ahead of one, or for a mount point of a container paths
 * below it to delete (NUL-separated), or a tar to extract there.
 */
const partSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('image'), container, name: imageName }),
  z.strictObject({ kind: z.literal('memory') }),
  z.strictObject({ kind: z.literal('delete'), container, at: absolutePath }),
  z.strictObject({ kind: z.literal('tar'), container, at: absolutePath }),
]);
export type Part = z.infer<typeof partSchema>;

const endSchema = z.strictObject({
  bytes: z.number().int().nonnegative(),
  sha256: z.string(),
  files: z.number().int().nonnegative(),
});
export type Totals = z.infer<typeof endSchema>;

function frameHead(type: number, length: number): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(type, 0);
  head.writeUInt32BE(length, 1);
  return head;
}

/** So many bytes are hashed, compressed and on their way while the next are: more would only make the other end wait. */
const SENT_FRAME_BYTES = 256 * 1024;
/** Frames are written together up to so many bytes. */
const WRITE_BYTES = 32 * 1024;
/** Less takes longer to compress than to carry: most images of a dump are a few KiB. */
const PACK_FROM_BYTES = 16 * 1024;
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** Writes frames to a stream and waits whenever the stream asks for it. */
export class FrameWriter {
  readonly #stream: Writable;
  #hash = createHash('sha256');
  #bytes = 0;
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** Bytes of the transfer that is under way. */
  get bytes(): number {
    return this.#bytes;
  }

  async part(part: Part): Promise<void> {
    await this.#counted(FRAME.part, Buffer.from(JSON.stringify(part)));
  }

  async data(data: Buffer): Promise<void> {
    for (let at = 0; at < data.byteLength; at += SENT_FRAME_BYTES) {
      await this.#counted(FRAME.data, data.subarray(at, at + SENT_FRAME_BYTES));
    }
  }

  /** Pages of the image that the other end has, of a stretch of it that follows. */
  async known(known: readonly Known[]): Promise<void> {
    await this.#counted(FRAME.known, packKnown(known));
  }

  /** Ends the transfer and returns what was counted. */
  async end(files: number): Promise<Totals> {
    const totals = { bytes: this.#bytes, sha256: this.#hash.digest('hex'), files };
    await this.#write(FRAME.end, Buffer.from(JSON.stringify(totals)));
    this.#reset();
    return totals;
  }

  /** Tells the other end that this transfer broke off; the next one may follow. */
  async fail(reason: string): Promise<void> {
    await this.#write(FRAME.failed, Buffer.from(reason.slice(0, 1000)));
    this.#reset();
  }

  async close(): Promise<void> {
    await this.#write(FRAME.close, Buffer.alloc(0));
  }

  /** Lets what was written go at once. */
  async flush(): Promise<void> {
    if (this.#pending.length === 0) return;
    if (this.#stream.destroyed) throw broken('the bulk stream is gone');
    const together = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    if (!this.#stream.write(together)) await drained(this.#stream);
  }

  #reset(): void {
    this.#hash = createHash('sha256');
    this.#bytes = 0;
  }

  async #counted(type: number, data: Buffer): Promise<void> {
    this.#hash.update(Buffer.of(type)).update(data);
    this.#bytes += data.byteLength;
    const packed = type === FRAME.data && data.byteLength >= PACK_FROM_BYTES ? zstdCompressSync(data, ZSTD) : data;
    if (packed.byteLength < data.byteLength * 0.9) await this.#write(FRAME.packed, packed);
    else await this.#write(type, data);
  }

  async #write(type: number, data: Buffer): Promise<void> {
    this.#pending.push(frameHead(type, data.byteLength), data);
    this.#pendingBytes += data.byteLength;
    const whole = type === FRAME.end || type === FRAME.failed || type === FRAME.close;
    if (whole || this.#pendingBytes >= WRITE_BYTES) await this.flush();
  }
}

const broken = (summary: string) => new HelperFailure('transfer-broken', summary);

function drained(stream: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      stream.off('drain', done).off('close', lost);
      resolve();
    };
    const lost = () => {
      stream.off('drain', done);
      reject(broken('the bulk stream was closed while sending'));
    };
    stream.once('drain', done).once('close', lost);
  });
}

type Frame = { type: number; data: Buffer };

function unpack(frame: Frame): Frame {
  if (frame.type !== FRAME.packed) return frame;
  try {
    return { type: FRAME.data, data: zstdDecompressSync(frame.data, { maxOutputLength: MAX_FRAME_BYTES }) };
  } catch (error) {
    throw broken(`a frame cannot be unpacked: ${String(error)}`);
  }
}

function parsed<T>(schema: z.ZodType<T>, data: Buffer): T {
  try {
    return schema.parse(JSON.parse(data.toString()));
  } catch (error) {
    throw broken(`a frame says something else than it must: ${String(error).slice(0, 500)}`);
  }
}

/** Takes what a {@link FrameWriter} sent. `part` is called for each part, `data` for its bytes in order; both are awaited. */
export type TransferSink = {
  part(part: Part): Promise<void>;
  data(data: Buffer): Promise<void>;
  /** Absent where nothing is known from before. */
  known?(known: readonly Known[]): Promise<void>;
  /** All parts are complete; returns the number of files. */
  end(): Promise<number>;
};

/** Reads frames from a stream, as fast as they are taken. */
export class FrameReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: Readable) {
    this.#chunks = stream.iterator({ destroyOnReturn: false });
  }

  /** Takes one transfer. Returns undefined when the stream was closed in order; throws `transfer-broken` otherwise. */
  async transfer(sink: TransferSink, progress: (bytes: number) => void): Promise<Totals | undefined> {
    const hash = createHash('sha256');
    let bytes = 0;
    for (;;) {
      const { type, data } = unpack(await this.#frame());
      if (type === FRAME.close) return undefined;
      if (type === FRAME.failed) throw broken(`the sender gave up: ${data.toString()}`);
      if (type === FRAME.end) {
        const sent = parsed(endSchema, data);
        const totals = { bytes, sha256: hash.digest('hex'), files: await sink.end() };
        if (sent.bytes !== bytes || sent.sha256 !== totals.sha256)
          throw broken('the bytes that came are not those that were sent');
        return { ...totals, files: sent.files };
      }
      hash.update(Buffer.of(type)).update(data);
      bytes += data.byteLength;
      progress(bytes);
      if (type === FRAME.part) await sink.part(parsed(partSchema, data));
      else if (type === FRAME.data) await sink.data(data);
      else if (type === FRAME.known && sink.known) await sink.known(unpackKnown(data));
      else throw broken(`unknown frame type ${type}`);
    }
  }

  async #frame(): Promise<Frame> {
    const head = await this.#take(5);
    const length = head.readUInt32BE(1);
    if (length > MAX_FRAME_BYTES) throw broken(`a frame of ${length} bytes is more than one may carry`);
    return { type: head.readUInt8(0), data: await this.#take(length) };
  }

  async #take(length: number): Promise<Buffer> {
    const parts = [this.#rest];
    let have = this.#rest.byteLength;
    while (have < length) {
      const { value, done } = await this.#chunks.next();
      if (done) throw broken('the bulk stream ended in the middle');
      parts.push(value);
      have += value.byteLength;
    }
    const all = parts.length === 1 ? this.#rest : Buffer.concat(parts);
    this.#rest = all.subarray(length);
    return all.subarray(0, length);
  }
}

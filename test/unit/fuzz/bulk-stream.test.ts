import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FrameReader, FrameWriter, type Part, type TransferSink } from '../../../src/helper/bulk/framing.ts';
import { HelperFailure } from '../../../src/helper/failure.ts';

const PARTS: readonly [Part, Buffer][] = [
  [{ kind: 'image', container: 0, name: 'core-1.img' }, Buffer.from('a small image')],
  [{ kind: 'tar', container: 0, at: '/data' }, Buffer.alloc(5000, 7)],
  [{ kind: 'delete', container: 0, at: '/data' }, Buffer.from('a\0b\0')],
];

/** A whole transfer, as bytes. */
async function transfer(): Promise<Buffer> {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const writer = new FrameWriter(stream);
  for (const [part, data] of PARTS) {
    await writer.part(part);
    await writer.data(data);
  }
  await writer.end(PARTS.length);
  return Buffer.concat(chunks);
}

/** What a reader makes of bytes: what it took and how it ended. */
async function read(bytes: Buffer): Promise<{ taken: [Part, string][]; whole: boolean; error?: unknown }> {
  const taken: [Part, string][] = [];
  const sink: TransferSink = {
    part: async (part) => void taken.push([part, '']),
    data: async (data) => {
      const last = taken.at(-1);
      if (last) last[1] += data.toString('base64');
    },
    end: async () => taken.length,
  };
  const stream = new PassThrough();
  stream.end(bytes);
  try {
    return { taken, whole: (await new FrameReader(stream).transfer(sink, () => undefined)) !== undefined };
  } catch (error) {
    return { taken, whole: false, error };
  }
}

it('a transfer that was tampered with is taken unchanged or refused as broken', async () => {
  const whole = await transfer();
  const before = await read(whole);
  expect(before.whole).toBe(true);
  const damage = fc.record({
    at: fc.nat(whole.length - 1),
    change: fc.integer({ min: 1, max: 255 }),
    cut: fc.nat(whole.length),
    insert: fc.uint8Array({ maxLength: 20 }),
  });
  await fc.assert(
    fc.asyncProperty(damage, fc.constantFrom('flip', 'cut', 'insert'), async ({ at, change, cut, insert }, how) => {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ change;
      const inserted = Buffer.concat([whole.subarray(0, at), insert, whole.subarray(at)]);
      const after = await read({ flip: flipped, cut: whole.subarray(0, cut), insert: inserted }[how]);
      if (after.whole) expect(after.taken).toEqual(before.taken);
      else if (after.error !== undefined) {
        expect(after.error).toBeInstanceOf(HelperFailure);
        expect((after.error as HelperFailure).code).toBe('transfer-broken');
      }
    }),
    { numRuns: 1500 },
  );
});

it('a frame that unpacks to more than one may carry is refused without being unpacked', async () => {
  const { zstdCompressSync } = await import('node:zlib');
  const bomb = zstdCompressSync(Buffer.alloc(64 * 2 ** 20));
  const head = Buffer.alloc(5);
  head.writeUInt8(6, 0);
  head.writeUInt32BE(bomb.length, 1);
  const { error } = await read(Buffer.concat([head, bomb]));
  expect((error as HelperFailure).code).toBe('transfer-broken');
});

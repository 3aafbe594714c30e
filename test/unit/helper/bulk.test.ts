import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { FrameReader, FrameWriter, type Part, type TransferSink } from '../../../src/helper/bulk/framing.ts';

function collector() {
  const parts: { part: Part; data: Buffer }[] = [];
  const sink: TransferSink = {
    async part(part) {
      parts.push({ part, data: Buffer.alloc(0) });
    },
    async data(data) {
      const last = parts.at(-1);
      if (last) last.data = Buffer.concat([last.data, data]);
    },
    async end() {
      return parts.length;
    },
  };
  return { parts, sink };
}

/** Passes everything on in pieces of one size, whatever the frames are. */
function inPieces(size: number) {
  const from = new PassThrough();
  const to = new PassThrough();
  from.on('data', (chunk: Buffer) => {
    for (let at = 0; at < chunk.length; at += size) to.write(chunk.subarray(at, at + size));
  });
  from.on('end', () => to.end());
  return { from, to };
}

const image = { kind: 'image', container: 0, name: 'pages-1.img' } as const;

describe('a bulk stream', () => {
  it.each([7, 1000, 1 << 20])('carries several transfers in pieces of %d bytes', async (size) => {
    const { from, to } = inPieces(size);
    const writer = new FrameWriter(from);
    const reader = new FrameReader(to);
    const noise = Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7919) % 251));
    const zeroes = Buffer.alloc(2_500_000);
    const sent: unknown[] = [];
    const sending = (async () => {
      for (const data of [noise, zeroes]) {
        await writer.part(image);
        await writer.data(data);
        sent.push(await writer.end(1));
      }
      await writer.close();
    })();
    for (const data of [noise, zeroes]) {
      const { parts, sink } = collector();
      const got = await reader.transfer(sink, () => {});
      expect(parts).toEqual([{ part: image, data }]);
      expect(got).toEqual(sent.shift());
    }
    expect(await reader.transfer(collector().sink, () => {})).toBeUndefined();
    await sending;
  });

  it('refuses bytes that changed on the way', async () => {
    const stream = new PassThrough();
    const writer = new FrameWriter(stream);
    await writer.part(image);
    await writer.data(Buffer.from('hello'));
    await writer.end(1);
    const bytes: Buffer = stream.read();
    bytes[bytes.indexOf('hello')] = 0x48;
    const flipped = new PassThrough();
    flipped.end(bytes);
    await expect(new FrameReader(flipped).transfer(collector().sink, () => {})).rejects.toMatchObject({
      code: 'transfer-broken',
    });
  });

  it('says when the sender gave up, or the stream ended', async () => {
    const stream = new PassThrough();
    await new FrameWriter(stream).fail('disk gone');
    stream.end();
    const reader = new FrameReader(stream);
    await expect(reader.transfer(collector().sink, () => {})).rejects.toThrow(/disk gone/);
    await expect(reader.transfer(collector().sink, () => {})).rejects.toThrow(/ended in the middle/);
  });

  it('refuses names that lead elsewhere', async () => {
    const stream = new PassThrough();
    const writer = new FrameWriter(stream);
    await writer.part({ kind: 'image', container: 0, name: '../x' });
    await writer.end(1);
    stream.end();
    await expect(new FrameReader(stream).transfer(collector().sink, () => {})).rejects.toThrow();
  });
});

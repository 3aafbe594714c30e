import { expect, it } from 'vitest';
import type { TransferSink } from '../../../src/helper/bulk/framing.ts';
import { availableMemory, withinMemory } from '../../../src/helper/bulk/room.ts';

const MIB = 2 ** 20;
const image = (name: string) => ({ kind: 'image' as const, container: 0, name });

/** A node on which what is taken is gone, with so much memory. */
function node(memory: number) {
  let taken = 0;
  const sink: TransferSink = {
    part: async () => {
      taken += 4096;
    },
    data: async (data) => {
      taken += data.byteLength;
    },
    known: async (runs) => {
      for (const { pages } of runs) taken += pages * 4096;
    },
    end: async () => 1,
  };
  return { sink: withinMemory(sink, () => memory - taken), left: () => memory - taken };
}

it('as much is received as leaves the node memory, and no more', async () => {
  const { sink, left } = node(200 * MIB);
  await sink.part(image('pages-1.img'));
  const frame = Buffer.alloc(MIB);
  const endless = async () => {
    for (;;) await sink.data(frame);
  };
  await expect(endless()).rejects.toMatchObject({ code: 'no-space' });
  expect(left()).toBeLessThan(64 * MIB);
  expect(left()).toBeGreaterThan(48 * MIB);
});

it('pages that are known, and files with nothing in them, count too', async () => {
  const { sink } = node(80 * MIB);
  const known = async () => {
    for (let base = 0; ; base += 256) await sink.known?.([{ image: base, base, pages: 256 }]);
  };
  await expect(known()).rejects.toMatchObject({ code: 'no-space' });
  const many = node(80 * MIB).sink;
  const files = async () => {
    for (let index = 0; ; index++) await many.part(image(`core-${index}.img`));
  };
  await expect(files()).rejects.toMatchObject({ code: 'no-space' });
});

it('nothing is received on a node that has none left to begin with', async () => {
  await expect(node(63 * MIB).sink.part(image('core-1.img'))).rejects.toMatchObject({ code: 'no-space' });
});

it('what fits is taken to its end', async () => {
  const { sink } = node(200 * MIB);
  await sink.part(image('core-1.img'));
  await sink.data(Buffer.alloc(50 * MIB));
  expect(await sink.end()).toBe(1);
  expect(availableMemory()).toBeGreaterThan(0);
});

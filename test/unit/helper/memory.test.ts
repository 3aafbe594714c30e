import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { FrameReader, FrameWriter } from '../../../src/helper/bulk/framing.ts';
import { imageSink, sendImages } from '../../../src/helper/bulk/images.ts';
import { overlaps } from '../../../src/helper/memory/ahead.ts';
import { joined, type Known, packKnown, unpackKnown } from '../../../src/helper/memory/known.ts';
import { equalPages, heldPages, PAGE, privateRegions } from '../../../src/helper/memory/pages.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

describe('memory of a process', () => {
  it('is what is private and may be read, without the kernel’s own mappings', () => {
    const maps = [
      '55d0c0000000-55d0c0001000 r--p 00000000 00:3c 1234   /usr/bin/redis-server',
      '55d0c1000000-55d0c1002000 rw-p 00000000 00:00 0      [heap]',
      '7f0000000000-7f0000400000 ---p 00000000 00:00 0 ',
      '7f0001000000-7f0001001000 rw-s 00000000 00:01 77     /dev/zero (deleted)',
      '7ffc00000000-7ffc00001000 rw-p 00000000 00:00 0      [stack]',
      '7ffc00002000-7ffc00006000 r--p 00000000 00:00 0      [vvar]',
      '7ffc00006000-7ffc00008000 r-xp 00000000 00:00 0      [vdso]',
    ].join('\n');
    expect(privateRegions(maps).map(({ start, end }) => [start.toString(16), end - start])).toEqual([
      ['55d0c0000000', PAGE],
      ['55d0c1000000', 2 * PAGE],
      ['7ffc00000000', PAGE],
    ]);
  });

  it('is held where it is in memory or swapped out and not the file’s', () => {
    const [absent, present, swapped, ofFile] = [0, 0x8000_0000, 0x4000_0000, 0xa000_0000];
    const bits = Buffer.alloc(6 * 8);
    for (const [index, high] of [present, swapped, absent, ofFile, present, absent].entries())
      bits.writeUInt32LE(high, index * 8 + 4);
    expect(heldPages(bits, 0x10_000)).toEqual([
      { at: 0x10_000, pages: 2 },
      { at: 0x10_000 + 4 * PAGE, pages: 1 },
    ]);
  });

  it('is told apart page by page', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), (same) => {
        const one = pagesOf(same.map(() => 1));
        const other = pagesOf(same.map((equal) => (equal ? 1 : 2)));
        const found = equalPages(one, other).flatMap(({ page, pages }) => range(page, pages));
        expect(found).toEqual(same.flatMap((equal, page) => (equal ? [page] : [])));
      }),
    );
  });

  it('is found again by its addresses, whatever was mapped or let go meanwhile', () => {
    const runs = fc
      .uniqueArray(fc.nat(60), { maxLength: 40 })
      .map((pages) => heldPages(bitsOf(new Set(pages)), 0).map(({ at, pages: count }) => ({ at, pages: count })));
    fc.assert(
      fc.property(runs, runs, (layout, copied) => {
        let base = 0;
        const withBase = copied.map((run) => {
          base += run.pages;
          return { ...run, base: base - run.pages };
        });
        const pageList = (of: readonly { at: number; pages: number }[]) =>
          of.flatMap(({ at, pages }) => range(at / PAGE, pages));
        const [image, copy] = [pageList(layout), pageList(withBase)];
        const expected = image.flatMap((page, index) => (copy.includes(page) ? [[index, copy.indexOf(page)]] : []));
        const found = overlaps(layout, withBase).flatMap(({ image: at, base: from, pages }) =>
          range(0, pages).map((offset) => [at + offset, from + offset]),
        );
        expect(found).toEqual(expected);
      }),
    );
  });
});

describe('pages that the other end knows', () => {
  let folder: string;
  beforeEach(() => {
    folder = temporaryFolder();
  });

  /** Sends an image and yields what arrived. */
  async function carry(image: Buffer, stretches: readonly (readonly Known[])[], base: Buffer) {
    const [from, to, copy] = ['from', 'to', 'base'].map((name) => path.join(folder, name)) as [string, string, string];
    rmSync(from, { recursive: true, force: true });
    writeFileSync(copy, base);
    const stream = new PassThrough({ highWaterMark: 1 << 26 });
    imageSink([from], copy);
    writeFileSync(path.join(from, 'pages-1.img'), image);
    writeFileSync(copy, base);
    const sent = await sendImages([from], new FrameWriter(stream), () => new Map([['pages-1.img', stretches]]));
    const received = await new FrameReader(stream).transfer(imageSink([to], copy), () => {});
    expect(received?.sha256).toBe(sent.sha256);
    return { sent, arrived: readFileSync(path.join(to, 'pages-1.img')) };
  }

  it('are put between those that come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }),
        fc.nat(100),
        fc.nat(30),
        async (same, tail, cut) => {
          const image = Buffer.concat([pagesOf(same.map((_, page) => page + 1)), Buffer.alloc(tail, 7)]);
          // The copy has its pages in another order.
          const base = pagesOf(same.map((_, page) => same.length - page));
          const known = joined(
            same.flatMap((equal, page) => (equal ? [{ image: page, base: same.length - 1 - page, pages: 1 }] : [])),
          );
          const stretches = [known.slice(0, cut), known.slice(cut)].filter(({ length }) => length > 0);
          const { sent, arrived } = await carry(image, stretches, base);
          expect(arrived.equals(image)).toBe(true);
          expect(sent.knownBytes).toBe(same.filter(Boolean).length * PAGE);
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each([
    ['beyond the copy', [[{ image: 0, base: 9, pages: 1 }]], /never sent/],
    ['more than was sent', [[{ image: 0, base: 0, pages: 3 }]], /more is known/],
    ['more than was sent, taken together', stretchesOf([0, 0, 2], [2, 0, 1]), /more is known/],
    ['before what is there already', stretchesOf([1, 1, 1], [0, 0, 1]), /backwards/],
  ])('are refused when they are %s', async (_, stretches, why) => {
    await expect(carry(pagesOf([1, 2, 3]), stretches, pagesOf([1, 2]))).rejects.toThrow(why);
  });

  it('travel as they are, and only forwards', () => {
    const known = [
      { image: 0, base: 7, pages: 2 },
      { image: 4, base: 0, pages: 2 ** 32 - 10 },
    ];
    expect(unpackKnown(packKnown(known))).toEqual(known);
    for (const bad of [
      packKnown([
        { image: 3, base: 0, pages: 2 },
        { image: 4, base: 0, pages: 1 },
      ]),
      packKnown([{ image: 0, base: 0, pages: 0 }]),
      packKnown(known).subarray(1),
    ])
      expect(() => unpackKnown(bad)).toThrow(/damaged/);
  });
});

const stretchesOf = (...runs: readonly [number, number, number][]) =>
  runs.map(([image, base, pages]) => [{ image, base, pages }]);
const range = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index);
const pagesOf = (values: readonly number[]) => Buffer.concat(values.map((value) => Buffer.alloc(PAGE, value)));

function bitsOf(pages: ReadonlySet<number>): Buffer {
  const bits = Buffer.alloc(64 * 8);
  for (const page of pages) bits.writeUInt32LE(0x8000_0000, page * 8 + 4);
  return bits;
}

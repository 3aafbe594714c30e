import { z } from 'zod';
import { HelperFailure } from '../failure.ts';

/** Pages of an image that the other end has already: from page `image` of it on, as from page `base` of what it has. */
export interface Known {
  readonly image: number;
  readonly base: number;
  readonly pages: number;
}

const BYTES = 12;
/** Puts what lies beside each other in both together. Pure. */
export function joined(known: readonly Known[]): Known[] {
  const runs: { image: number; base: number; pages: number }[] = [];
  for (const { image, base, pages } of known) {
    const last = runs.at(-1);
    if (last && last.image + last.pages === image && last.base + last.pages === base) last.pages += pages;
    else runs.push({ image, base, pages });
  }
  return runs;
}

/** As it travels: three numbers of 32 bits each, big endian. Pure. */
export function packKnown(known: readonly Known[]): Buffer {
  const data = Buffer.alloc(known.length * BYTES);
  for (const [index, { image, base, pages }] of known.entries()) {
    data.writeUInt32BE(image, index * BYTES);
    data.writeUInt32BE(base, index * BYTES + 4);
    data.writeUInt32BE(pages, index * BYTES + 8);
  }
  return data;
}

const positive = z.int().min(1);

/** Reads it. Throws `transfer-broken` unless it goes forward through the image. Pure. */
export function unpackKnown(data: Buffer): Known[] {
  const known: Known[] = [];
  let next = 0;
  for (let at = 0; at + BYTES <= data.length; at += BYTES) {
    const [image, base, pages] = [data.readUInt32BE(at), data.readUInt32BE(at + 4), data.readUInt32BE(at + 8)];
    if (image < next || !positive.safeParse(pages).success) throw backwards();
    next = image + pages;
    known.push({ image, base, pages });
  }
  if (data.length % BYTES !== 0) throw backwards();
  return known;
}

const backwards = () => new HelperFailure('transfer-broken', 'the list of known pages is damaged');

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { CriuImages } from '../trust/criu-image.ts';
import type { Run } from './pages.ts';

/** PE_PARENT and PE_PRESENT of criu/include/pagemap.h. */
const IN_PARENT = 1;
const IS_PRESENT = 4;
const HEAD = { message: 'pagemap_head', check: z.looseObject({ pages_id: z.int().nonnegative() }) };
const entry = z.looseObject({
  vaddr: z.number().nonnegative(),
  compat_nr_pages: z.int().nonnegative().default(0),
  nr_pages: z.number().int().nonnegative().optional(),
  in_parent: z.boolean().default(false),
  flags: z.int().default(IS_PRESENT),
});
const ENTRY = { message: 'pagemap_entry', check: entry };

/** What an image of pages is made of. */
export interface Layout {
  /** The process, as it is numbered in its own PID namespace. */
  readonly process: number;
  /** In the order in which the image has them. */
  readonly runs: readonly Run[];
}

/** The images of pages of a dump, by name, each with the process whose private memory it holds. Throws `not-movable`. */
export function pageLayouts(images: CriuImages, directory: string): Map<string, Layout> {
  const layouts = new Map<string, Layout>();
  for (const name of readdirSync(directory)) {
    const process = /^pagemap-(\d+)\.img$/.exec(name)?.[1];
    if (process === undefined) continue;
    const { id, runs } = readPagemap(images, name, readFileSync(path.join(directory, name)));
    layouts.set(`pages-${id}.img`, { process: Number(process), runs });
  }
  return layouts;
}

/** Reads a sample of what {@link pageLayouts} reads. Idempotent. */
export function rehearseLayouts(images: CriuImages): void {
  readPagemap(images, 'sample', images.sample(HEAD.message, ENTRY.message));
}

/** Reads CRIU's list of the pages of one process. Throws `not-movable`. Pure. */
export function readPagemap(images: CriuImages, name: string, data: Buffer): { id: number; runs: Run[] } {
  const { first, rest } = images.headed(name, data, HEAD, ENTRY);
  const here = rest.filter(({ flags, in_parent }) => !in_parent && (flags & IN_PARENT) === 0 && flags & IS_PRESENT);
  return {
    id: first.pages_id,
    runs: here.map(({ vaddr, nr_pages, compat_nr_pages }) => ({ at: vaddr, pages: nr_pages ?? compat_nr_pages })),
  };
}

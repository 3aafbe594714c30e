import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import path from 'node:path';
import type { FrameWriter, Totals } from '../bulk/framing.ts';
import type { KnownOf } from '../bulk/images.ts';
import { writeAll } from '../bulk/write-all.ts';
import { innerPid, processTree } from '../processes.ts';
import { criuImages } from '../trust/installed.ts';
import { createBase, removeBase } from './base.ts';
import { joined, type Known } from './known.ts';
import { pageLayouts, rehearseLayouts } from './layout.ts';
import { equalPages, heldPages, PAGE, privateRegions, type Region, type Run } from './pages.ts';

/** Memory is read, compared and sent in blocks of so many pages. */
const BLOCK = 64;
/** Pages that are compared before the other end is told of them: 8 MiB, which take a few ms on either side. */
const STRETCH = 2048;
/** Entries of /proc/PID/pagemap that are read at once: those of 512 MiB of addresses. */
const MAP_ENTRIES = 128 * 1024;

/** A run that was copied; `base`: its first page in the copy. */
interface CopiedRun extends Run {
  readonly base: number;
}

/**
 * A copy of a pod's private memory, taken and sent while it runs, so that within the freeze only the pages go that have
 * changed since. What a page was at the time of the copy does not matter: within the freeze the image of the dump is
 * compared with the copy, byte by byte, and what is not the same is sent. The kernel's own tracking of changes
 * (soft-dirty, which CRIU's pre-dump needs) is often not compiled in.
 */
export class MemoryAhead {
  readonly #file: string;
  #copied = new Map<string, CopiedRun[]>();
  #fd: number | undefined;
  #pages = 0;

  /** @param file where the copy lies on this node */
  constructor(file: string) {
    this.#file = file;
  }

  /** Copies the memory of the trees of these roots and sends it as one transfer. Processes that end meanwhile are fine. */
  async copy(roots: readonly number[], writer: FrameWriter): Promise<Totals> {
    this.forget();
    this.#fd = createBase(this.#file);
    rehearseLayouts(criuImages());
    try {
      await writer.part({ kind: 'memory' });
      const blocks = new BlockWriter(this.#fd, writer);
      for (const [container, root] of roots.entries())
        for (const { pid } of processTree(root)) {
          const runs = await this.#copyProcess(pid, blocks);
          this.#copied.set(keyOf(container, innerPid(pid)), runs);
        }
      await blocks.flush();
      return await writer.end(1);
    } catch (error) {
      this.forget();
      await writer.fail(String(error)).catch(() => {});
      throw error;
    }
  }

  async #copyProcess(pid: number, blocks: BlockWriter): Promise<CopiedRun[]> {
    const copied: CopiedRun[] = [];
    let memory: number | undefined;
    try {
      memory = openSync(`/proc/${pid}/mem`, 'r');
      const maps = readFileSync(`/proc/${pid}/maps`, 'utf8');
      for (const region of privateRegions(maps))
        for (const run of heldIn(pid, region)) {
          const pages = await blocks.take(memory, run);
          if (pages > 0) copied.push({ at: run.at, pages, base: this.#pages });
          this.#pages += pages;
        }
    } catch (error) {
      // A process that ends takes its memory along; whatever else happens to the stream has to be told.
      if (!isGone(error)) throw error;
    } finally {
      if (memory !== undefined) closeSync(memory);
    }
    return copied;
  }

  /** For each image of pages in a dump of the pod's container of that index: what the other end has of it already. */
  readonly known: KnownOf = (container, directory) => {
    const base = this.#fd;
    if (base === undefined) return new Map();
    const known = new Map<string, Iterable<Known[]>>();
    for (const [name, { process, runs }] of pageLayouts(criuImages(), directory)) {
      const candidates = overlaps(runs, this.#copied.get(keyOf(container, process)) ?? []);
      known.set(name, equalParts(path.join(directory, name), base, candidates));
    }
    return known;
  };

  /** Idempotent. */
  forget(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#pages = 0;
    this.#copied = new Map();
    removeBase(this.#file);
  }
}

const keyOf = (container: number, process: number) => `${container}/${process}`;
const isGone = (error: unknown) =>
  error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH', 'EACCES'].includes(String(error.code));

/** What a dump would hold of a region. A page that comes or goes meanwhile is no error. */
function* heldIn(pid: number, { start, end }: Region): Generator<Run> {
  const fd = openSync(`/proc/${pid}/pagemap`, 'r');
  try {
    const pages = (end - start) / PAGE;
    for (let first = 0; first < pages; first += MAP_ENTRIES) {
      const bits = Buffer.alloc(Math.min(MAP_ENTRIES, pages - first) * 8);
      const length = readSync(fd, bits, 0, bits.length, (start / PAGE + first) * 8);
      yield* heldPages(bits.subarray(0, length), start + first * PAGE);
    }
  } finally {
    closeSync(fd);
  }
}

/** Writes pages to the copy and to the stream, a block at a time. */
class BlockWriter {
  readonly #base: number;
  readonly #writer: FrameWriter;
  #block = Buffer.allocUnsafe(BLOCK * PAGE);
  #filled = 0;

  constructor(base: number, writer: FrameWriter) {
    this.#base = base;
    this.#writer = writer;
  }

  /** Takes the pages of a run and returns how many: fewer when the rest is no longer mapped. */
  async take(memory: number, { at, pages }: Run): Promise<number> {
    let taken = 0;
    while (taken < pages) {
      const length = Math.min(this.#block.length - this.#filled, (pages - taken) * PAGE);
      const read = readPages(memory, this.#block, this.#filled, length, at + taken * PAGE);
      taken += read / PAGE;
      this.#filled += read;
      if (this.#filled === this.#block.length) await this.flush();
      if (read < length) break;
    }
    return taken;
  }

  async flush(): Promise<void> {
    const data = this.#block.subarray(0, this.#filled);
    writeAll(this.#base, data);
    await this.#writer.data(data);
    // Its bytes may still be on their way.
    this.#block = Buffer.allocUnsafe(BLOCK * PAGE);
    this.#filled = 0;
  }
}

/** Whole pages only. An address that is no longer mapped ends it (EIO). */
function readPages(memory: number, into: Buffer, offset: number, length: number, address: number): number {
  try {
    const read = readSync(memory, into, offset, length, address);
    return read - (read % PAGE);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EIO') return 0;
    throw error;
  }
}

/** Pages that an image and the copy both have of an address, in the order of the image. Both are sorted. Pure. */
export function overlaps(layout: readonly Run[], copied: readonly CopiedRun[]): Known[] {
  const found: Known[] = [];
  let image = 0;
  let next = 0;
  for (const { at, pages } of layout) {
    const end = at + pages * PAGE;
    while (next > 0 && (copied[next - 1]?.at ?? 0) + (copied[next - 1]?.pages ?? 0) * PAGE > at) next--;
    for (; next < copied.length; next++) {
      const run = copied[next];
      if (!run || run.at >= end) break;
      const from = Math.max(at, run.at);
      const to = Math.min(end, run.at + run.pages * PAGE);
      if (from >= to) continue;
      const count = (to - from) / PAGE;
      found.push({ image: image + (from - at) / PAGE, base: run.base + (from - run.at) / PAGE, pages: count });
    }
    image += pages;
  }
  return found;
}

/** The parts of candidates whose content is the same in a file and in the copy, a stretch at a time. */
function* equalParts(file: string, copy: number, candidates: readonly Known[]): Generator<Known[]> {
  const fd = openSync(file, 'r');
  try {
    let found: Known[] = [];
    let compared = 0;
    for (const block of blocksOf(candidates)) {
      found.push(...equalIn(fd, copy, block));
      compared += block.pages;
      if (compared < STRETCH) continue;
      if (found.length > 0) yield joined(found);
      found = [];
      compared = 0;
    }
    if (found.length > 0) yield joined(found);
  } finally {
    closeSync(fd);
  }
}

function* blocksOf(candidates: readonly Known[]): Generator<Known> {
  for (const { image, base, pages } of candidates)
    for (let done = 0; done < pages; done += BLOCK)
      yield { image: image + done, base: base + done, pages: Math.min(BLOCK, pages - done) };
}

const one = Buffer.allocUnsafe(BLOCK * PAGE);
const other = Buffer.allocUnsafe(BLOCK * PAGE);

function equalIn(file: number, copy: number, { image, base, pages }: Known): Known[] {
  const length = pages * PAGE;
  if (readSync(file, one, 0, length, image * PAGE) !== length) return [];
  if (readSync(copy, other, 0, length, base * PAGE) !== length) return [];
  return equalPages(one, other, 0, pages).map((equal) => ({
    image: image + equal.page,
    base: base + equal.page,
    pages: equal.pages,
  }));
}

import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import path from 'node:path';
import { HelperFailure } from '../failure.ts';
import { removeBase } from '../memory/base.ts';
import type { Known } from '../memory/known.ts';
import { PAGE } from '../memory/pages.ts';
import { type FrameWriter, MAX_FRAME_BYTES, type Totals, type TransferSink } from './framing.ts';
import { writeAll } from './write-all.ts';

// Images lie in a tmpfs: reading and writing them is copying memory, and done without a turn of the event loop each.

/** System V objects of the pod: every container's dump has them, the last one as they were in the end. */
const OF_POD = /^ipcns-(shm|msg|sem)-/;

/**
 * What the other end has of the images of a container, by their names: a stretch of an image after the other, so that it
 * puts one together while the next is looked at here.
 */
export type KnownOf = (container: number, directory: string) => ReadonlyMap<string, Iterable<readonly Known[]>>;

/** Sends every file of the containers' directories. `knownBytes`: what was left out because the other end has it. */
export async function sendImages(
  directories: readonly string[],
  writer: FrameWriter,
  knownOf: KnownOf = () => new Map(),
): Promise<Totals & { knownBytes: number }> {
  let files = 0;
  let knownBytes = 0;
  for (const [container, directory] of directories.entries()) {
    const all = readdirSync(directory).sort();
    const names = container === directories.length - 1 ? all : all.filter((name) => !OF_POD.test(name));
    const known = knownOf(container, directory);
    for (const name of names) {
      await writer.part({ kind: 'image', container, name });
      knownBytes += await sendFile(path.join(directory, name), known.get(name) ?? [], writer);
    }
    files += names.length;
  }
  return { ...(await writer.end(files)), knownBytes };
}

/** Returns how many bytes were left out. */
async function sendFile(file: string, stretches: Iterable<readonly Known[]>, writer: FrameWriter): Promise<number> {
  const fd = openSync(file, 'r');
  let at = 0;
  let left = 0;
  try {
    for (const known of stretches) {
      await writer.known(known);
      for (const { image, pages } of known) {
        await sendRange(fd, at, image * PAGE, writer);
        at = (image + pages) * PAGE;
        left += pages * PAGE;
      }
      await writer.flush();
    }
    await sendRange(fd, at, fstatSync(fd).size, writer);
    return left;
  } finally {
    closeSync(fd);
  }
}

async function sendRange(fd: number, from: number, to: number, writer: FrameWriter): Promise<void> {
  for (let at = from; at < to; ) {
    const buffer = Buffer.allocUnsafe(Math.min(MAX_FRAME_BYTES, to - at));
    const length = readSync(fd, buffer, 0, buffer.length, at);
    if (length === 0) throw new HelperFailure('transfer-broken', 'an image became shorter while it was sent');
    await writer.data(buffer.subarray(0, length));
    at += length;
  }
}

/** Takes images into the containers' directories, which are emptied first. `base`: the file of what was copied ahead. */
export function imageSink(directories: readonly string[], base: string): TransferSink {
  for (const directory of directories) {
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }
  let image: ImageFile | undefined;
  let files = 0;
  const expectImage = () => {
    if (image === undefined) throw new HelperFailure('transfer-broken', 'bytes without a file came');
    return image;
  };
  return {
    async part(part) {
      image?.close();
      if (part.kind !== 'image') throw new HelperFailure('transfer-broken', `images expected, ${part.kind} came`);
      const directory = directories[part.container];
      if (directory === undefined) throw new HelperFailure('transfer-broken', `no container ${part.container}`);
      image = new ImageFile(path.join(directory, part.name));
      files++;
    },
    async known(known) {
      expectImage().take(known, base);
    },
    async data(data) {
      expectImage().write(data);
    },
    async end() {
      image?.close();
      image = undefined;
      removeBase(base);
      return files;
    },
  };
}

/** An image that is put together of what is known and of what comes. */
class ImageFile {
  readonly #fd: number;
  #at = 0;
  /** What is there already of this stretch, and how much of it is passed. */
  #known: readonly Known[] = [];
  #passed = 0;
  /** Pages that were known so far. */
  #taken = 0;

  constructor(file: string) {
    this.#fd = openSync(file, 'wx', 0o600);
  }

  /** A stretch begins where the one before it has ended. */
  take(known: readonly Known[], base: string): void {
    this.#expectWhole();
    if ((known[0]?.image ?? 0) * PAGE < this.#at) throw new HelperFailure('transfer-broken', 'an image goes backwards');
    const from = openSync(base, 'r');
    try {
      // Each page of it is of one place only.
      this.#taken += known.reduce((sum, { pages }) => sum + pages, 0);
      if (this.#taken * PAGE > fstatSync(from).size)
        throw new HelperFailure('transfer-broken', 'more is known than was sent');
      for (const run of known) this.#copy(from, run);
    } finally {
      closeSync(from);
    }
    this.#known = known;
    this.#passed = 0;
    this.#pass();
  }

  #copy(from: number, { image, base, pages }: Known): void {
    const block = Buffer.allocUnsafe(Math.min(pages * PAGE, MAX_FRAME_BYTES));
    for (let done = 0; done < pages * PAGE; ) {
      const length = Math.min(block.length, pages * PAGE - done);
      if (readSync(from, block, 0, length, base * PAGE + done) !== length)
        throw new HelperFailure('transfer-broken', 'pages are named that were never sent');
      this.#writeAt(block.subarray(0, length), image * PAGE + done);
      done += length;
    }
  }

  write(data: Buffer): void {
    for (let done = 0; done < data.length; ) {
      const room = (this.#known[this.#passed]?.image ?? Number.POSITIVE_INFINITY) * PAGE - this.#at;
      const piece = data.subarray(done, done + Math.min(room, data.length - done));
      this.#writeAt(piece, this.#at);
      this.#at += piece.length;
      done += piece.length;
      this.#pass();
    }
  }

  /** Goes on behind what is there. */
  #pass(): void {
    for (
      let next = this.#known[this.#passed];
      next && next.image * PAGE === this.#at;
      next = this.#known[this.#passed]
    ) {
      this.#at += next.pages * PAGE;
      this.#passed++;
    }
  }

  #writeAt(data: Buffer, position: number): void {
    try {
      writeAll(this.#fd, data, position);
    } catch (error) {
      throw new HelperFailure('no-space', 'the images do not fit on the target node', String(error));
    }
  }

  /** Throws `transfer-broken` when something between what is known did not come. */
  close(): void {
    closeSync(this.#fd);
    this.#expectWhole();
  }

  #expectWhole(): void {
    if (this.#passed < this.#known.length) throw new HelperFailure('transfer-broken', 'an image is incomplete');
  }
}

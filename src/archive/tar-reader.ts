import { MigrateError } from '../domain/errors.ts';

/** What of an archive's entry matters here. */
export interface TarEntry {
  readonly path: string;
  readonly kind: 'file' | 'directory';
  readonly size: number;
}

export interface TarBounds {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** Yields where an entry's content goes, or undefined when nobody looks at it. Throws for an entry that must not be. */
export type OnEntry = (entry: TarEntry) => ((chunk: Buffer) => void) | undefined;

const BLOCK = 512;
/** Long names and extended headers are read up to so many bytes. */
const MAX_EXTENSION = 64 * 1024;
const FILE = new Set(['0', '\0', '7']);

/**
 * Looks through a tar archive (POSIX ustar and pax, with GNU's long names) as its bytes pass. An archive comes from
 * outside: it may hold files and directories only, with plain relative paths, and no more than the bounds allow.
 * Memory stays constant. Throws F347. Own code because the known readers follow what an archive says of its sizes.
 */
export class TarReader {
  readonly #bounds: TarBounds;
  readonly #onEntry: OnEntry;
  readonly #seen = new Set<string>();
  /** Bytes of a header or an extension that has not come whole yet. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #wanted = BLOCK;
  #state: 'header' | 'extension' | 'content' | 'end' = 'header';
  #extension: { type: string; size: number } | undefined;
  #content: { left: number; padding: number; take: ((chunk: Buffer) => void) | undefined } | undefined;
  #pax: { path?: string; size?: number } = {};
  /** What came, and how much of it was looked at. */
  #bytes = 0;
  #position = 0;
  #blank = 0;

  constructor(bounds: TarBounds, onEntry: OnEntry) {
    this.#bounds = bounds;
    this.#onEntry = onEntry;
  }

  /** The next bytes, in any portions. */
  write(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#bounds.maxBytes) throw broken(`it is longer than ${this.#bounds.maxBytes} bytes`);
    for (let at = 0; at < chunk.length; ) {
      const taken = this.#state === 'content' ? this.#pass(chunk, at) : this.#hold(chunk, at);
      at += taken;
      this.#position += taken;
    }
  }

  /** No more bytes come. Throws when the archive was cut off. */
  end(): void {
    if (this.#state !== 'end') throw broken('it ends in the middle');
  }

  /** Collects up to what is wanted. After the end there is padding, and nobody looks at it. */
  #hold(chunk: Buffer, at: number): number {
    if (this.#state === 'end') return chunk.length - at;
    const part = chunk.subarray(at, at + this.#wanted - this.#heldBytes);
    this.#held.push(part);
    this.#heldBytes += part.length;
    if (this.#heldBytes === this.#wanted) {
      const whole = this.#held.length === 1 ? part : Buffer.concat(this.#held);
      this.#held = [];
      this.#heldBytes = 0;
      if (this.#state === 'header') this.#header(whole);
      else this.#extend(whole);
    }
    return part.length;
  }

  #pass(chunk: Buffer, at: number): number {
    const content = this.#content;
    if (!content) throw new Error('there is an entry');
    if (content.left === 0) {
      const skipped = Math.min(content.padding, chunk.length - at);
      content.padding -= skipped;
      if (content.padding === 0) this.#await('header', BLOCK);
      return skipped;
    }
    const part = chunk.subarray(at, at + content.left);
    content.take?.(part);
    content.left -= part.length;
    if (content.left === 0 && content.padding === 0) this.#await('header', BLOCK);
    return part.length;
  }

  #await(state: 'header' | 'extension', bytes: number): void {
    this.#state = state;
    this.#wanted = bytes;
  }

  #header(block: Buffer): void {
    if (block.every((byte) => byte === 0)) {
      this.#blank += 1;
      if (this.#blank === 2) this.#state = 'end';
      return;
    }
    if (this.#blank > 0) throw broken('bytes follow its end');
    checkSum(block);
    const type = String.fromCharCode(block[156] ?? 0);
    const size = number(block, 124, 12);
    if (['x', 'g', 'L'].includes(type)) {
      if (size > MAX_EXTENSION) throw broken(`an extended header of ${size} bytes`);
      this.#extension = { type, size };
      this.#await('extension', padded(size));
      if (size === 0) this.#await('header', BLOCK);
      return;
    }
    this.#begin(type, this.#pax.path ?? ustarPath(block), this.#pax.size ?? size);
    this.#pax = {};
  }

  #begin(type: string, path: string, size: number): void {
    const kind = type === '5' ? 'directory' : FILE.has(type) ? 'file' : undefined;
    if (!kind) throw broken(`entry ${printable(path)} is neither a file nor a directory (type ${printable(type)})`);
    const plain = path.replace(/\/+$/, '');
    if (!isPlain(plain)) throw broken(`the path ${printable(path)} leads elsewhere`);
    if (this.#seen.has(plain)) throw broken(`entry ${printable(path)} comes twice`);
    this.#seen.add(plain);
    if (this.#seen.size > this.#bounds.maxEntries) throw broken(`more than ${this.#bounds.maxEntries} entries`);
    if (size > this.#bounds.maxBytes - this.#position) throw broken(`entry ${printable(path)} of ${size} bytes`);
    if (kind === 'directory' && size > 0) throw broken(`directory ${printable(path)} with content`);
    const take = this.#onEntry({ path: plain, kind, size });
    this.#content = { left: size, padding: padded(size) - size, take };
    if (size > 0) this.#state = 'content';
    else this.#await('header', BLOCK);
  }

  #extend(block: Buffer): void {
    const { type, size } = this.#extension ?? { type: '', size: 0 };
    const text = block.subarray(0, size).toString('utf8');
    if (type === 'L') this.#pax = { ...this.#pax, path: text.replace(/\0.*$/s, '') };
    if (type === 'x') this.#pax = { ...this.#pax, ...paxRecords(text) };
    this.#await('header', BLOCK);
  }
}

function broken(why: string): MigrateError {
  return new MigrateError('F347', {
    detail: `the archive is not one that a runtime writes: ${why}`,
    remedy: 'look at the source node: somebody may have changed the archive there',
  });
}

const padded = (size: number) => Math.ceil(size / BLOCK) * BLOCK;
const printable = (text: string) => JSON.stringify(text.slice(0, 100));

function isPlain(path: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it rejects
  if (path === '' || path.length > 4096 || path.startsWith('/') || /[\u0000-\u001f\u007f]/.test(path)) return false;
  return !path.split('/').some((part) => part === '' || part === '.' || part === '..');
}

function ustarPath(block: Buffer): string {
  const field = (at: number, length: number) =>
    block
      .subarray(at, at + length)
      .toString('utf8')
      .replace(/\0.*$/s, '');
  const prefix = field(257, 5) === 'ustar' ? field(345, 155) : '';
  return prefix ? `${prefix}/${field(0, 100)}` : field(0, 100);
}

/** Octal digits, or with the highest bit set a big-endian number (GNU). */
function number(block: Buffer, at: number, length: number): number {
  const field = block.subarray(at, at + length);
  if (((field[0] ?? 0) & 0x80) !== 0) {
    const value = field.subarray(1).reduce((total, byte) => total * 256 + byte, 0);
    if (!Number.isSafeInteger(value)) throw broken('a size that cannot be');
    return value;
  }
  const text = field
    .toString('latin1')
    .replace(/[\0 ]+$/g, '')
    .trim();
  if (!/^[0-7]*$/.test(text)) throw broken('a header that is none');
  return text === '' ? 0 : Number.parseInt(text, 8);
}

function checkSum(block: Buffer): void {
  let sum = 8 * 32;
  for (let at = 0; at < BLOCK; at++) if (at < 148 || at >= 156) sum += block[at] ?? 0;
  if (number(block, 148, 8) !== sum) throw broken('a header whose sum is wrong');
}

/** `LENGTH KEY=VALUE\n`, of which path and size count. */
function paxRecords(text: string): { path?: string; size?: number } {
  const found: { path?: string; size?: number } = {};
  for (let rest = Buffer.from(text); rest.length > 0; ) {
    const length = Number.parseInt(/^\d{1,6} /.exec(rest.subarray(0, 8).toString('latin1'))?.[0] ?? '', 10);
    if (!(length > 3) || length > rest.length) throw broken('an extended header that is none');
    const record = rest.subarray(String(length).length + 1, length - 1).toString('utf8');
    const [, key, value = ''] = /^([^=]+)=(.*)$/s.exec(record) ?? [];
    if (key === 'path') found.path = value;
    if (key === 'size') {
      if (!/^\d{1,15}$/.test(value)) throw broken('a size that cannot be');
      found.size = Number(value);
    }
    rest = rest.subarray(length);
  }
  return found;
}

import { isUtf8 } from 'node:buffer';
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
  /** Characters of all paths together: they are kept. */
  readonly maxPaths: number;
}

/** Yields where an entry's content goes, or undefined when nobody looks at it. Throws for an entry that must not be. */
export type OnEntry = (entry: TarEntry) => ((chunk: Buffer) => void) | undefined;

const BLOCK = 512;
/** Long names and extended headers are read up to so many bytes. */
const MAX_EXTENSION = 64 * 1024;

/**
 * What extended headers may say: what Go's archive/tar and GNU tar write of a file's name, size, owner and times, and the
 * attributes that runtimes copy. Whatever else a reader obeys changes what it sees (GNU.sparse.name).
 */
const PAX_KEYS = new Set([
  ...['path', 'size', 'uid', 'gid', 'uname', 'gname', 'mtime', 'atime', 'ctime'],
  ...['SCHILY.xattr.security.capability', 'SCHILY.xattr.security.ima'],
]);
/**
 * The name that a header has which says more about the next one. Runtimes unpack what begins as gzip, zstd, xz or bzip2
 * begin, and only this name could.
 */
const EXTENSION_NAME = /^(?!BZh)[ -~]+$/;

/**
 * Looks through a tar archive (POSIX ustar and pax, with GNU's long names) as its bytes pass. An archive comes from
 * outside: it may hold files and directories only, with plain relative paths, and no more than the bounds allow. What
 * readers take differently is refused: Go's archive/tar, which the runtimes use, sees the very entries that are seen
 * here, or fails. Memory is bounded. Throws F347. Own code because the known readers follow what an archive says of its
 * sizes.
 */
export class TarReader {
  readonly #bounds: TarBounds;
  readonly #onEntry: OnEntry;
  readonly #seen = new Set<string>();
  #pathsLeft: number;
  /** Bytes of a header or an extension that has not come whole yet. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #wanted = BLOCK;
  #state: 'header' | 'extension' | 'content' | 'end' = 'header';
  #extension: { type: 'x' | 'L'; size: number } | undefined;
  #content: { left: number; padding: number; take: ((chunk: Buffer) => void) | undefined } | undefined;
  /** What a header said about the next one. */
  #told: { path?: string; size?: number } | undefined;
  /** What came, and how much of it was looked at. */
  #bytes = 0;
  #position = 0;
  #blank = 0;

  constructor(bounds: TarBounds, onEntry: OnEntry) {
    this.#bounds = bounds;
    this.#pathsLeft = bounds.maxPaths;
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

  /** Collects up to what is wanted. After the end there is padding. */
  #hold(chunk: Buffer, at: number): number {
    if (this.#state === 'end') {
      if (chunk.subarray(at).some((byte) => byte !== 0)) throw broken('bytes follow its end');
      return chunk.length - at;
    }
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
      if (this.#told) throw broken('an extended header that no entry follows');
      this.#blank += 1;
      if (this.#blank === 2) this.#state = 'end';
      return;
    }
    if (this.#blank > 0) throw broken('bytes follow its end');
    checkSum(block);
    checkFormat(block);
    const type = String.fromCharCode(block[156] ?? 0);
    const size = number(block, 124, 12);
    const name = nameOf(block);
    if (type === 'x' || type === 'L') {
      if (this.#told) throw broken(`more than one extended header for one entry (${printable(name)})`);
      if (!EXTENSION_NAME.test(name)) throw broken(`an extended header of the name ${printable(name)}`);
      if (size === 0 || size > MAX_EXTENSION) throw broken(`an extended header of ${size} bytes`);
      this.#extension = { type, size };
      this.#await('extension', padded(size));
      return;
    }
    const told = this.#told;
    this.#told = undefined;
    this.#begin(type, told?.path ?? name, told?.size ?? size);
  }

  #begin(type: string, path: string, size: number): void {
    const kind = type === '5' ? 'directory' : type === '0' ? 'file' : undefined;
    if (!kind) throw broken(`entry ${printable(path)} is neither a file nor a directory (type ${printable(type)})`);
    const plain = kind === 'directory' ? path.replace(/\/$/, '') : path;
    if (!isPlain(plain)) throw broken(`the path ${printable(path)} leads elsewhere`);
    if (this.#seen.has(plain)) throw broken(`entry ${printable(path)} comes twice`);
    this.#seen.add(plain);
    if (this.#seen.size > this.#bounds.maxEntries) throw broken(`more than ${this.#bounds.maxEntries} entries`);
    this.#pathsLeft -= plain.length;
    if (this.#pathsLeft < 0) throw broken(`paths of more than ${this.#bounds.maxPaths} characters`);
    if (size > this.#bounds.maxBytes - this.#position) throw broken(`entry ${printable(path)} of ${size} bytes`);
    if (kind === 'directory' && size > 0) throw broken(`directory ${printable(path)} with content`);
    const take = this.#onEntry({ path: plain, kind, size });
    this.#content = { left: size, padding: padded(size) - size, take };
    if (size > 0) this.#state = 'content';
    else this.#await('header', BLOCK);
  }

  #extend(block: Buffer): void {
    if (!this.#extension) throw new Error('there is an extended header');
    const { type, size } = this.#extension;
    const data = block.subarray(0, size);
    this.#told = type === 'x' ? paxRecords(data) : { path: longName(data) };
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
  // What begins with .wh. is no file of a layer: it removes another one (OCI image-spec, layer.md).
  return !path.split('/').some((part) => part === '' || part === '.' || part === '..' || part.startsWith('.wh.'));
}

/** Readers keep the bytes of a name that is not UTF-8, or refuse it, or replace them. */
function text(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw broken('a name that is not UTF-8');
  return bytes.toString('utf8');
}

/** Up to the first NUL. */
function terminated(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

/** The magic of POSIX's ustar, or GNU's; both end in what is the version. */
const USTAR = 'ustar\x0000';
const GNU = 'ustar  \0';

/**
 * Formats differ in what is at which place. Throws for any but ustar, and GNU's without what that has in the place of
 * ustar's prefix.
 */
function checkFormat(block: Buffer): void {
  const magic = block.subarray(257, 265).toString('latin1');
  const isBlank = (from: number, to: number) => block.subarray(from, to).every((byte) => byte === 0);
  const isKnown = magic === USTAR ? isBlank(500, BLOCK) : magic === GNU && isBlank(345, BLOCK);
  if (!isKnown) throw broken('a header of a format that no runtime writes');
}

function nameOf(block: Buffer): string {
  const [name, prefix] = [terminated(block.subarray(0, 100)), terminated(block.subarray(345, 500))];
  return prefix.length > 0 ? `${text(prefix)}/${text(name)}` : text(name);
}

/** Octal digits, or after a byte 0x80 a big-endian number (GNU, and Go where digits do not suffice). */
function number(block: Buffer, at: number, length: number): number {
  const field = block.subarray(at, at + length);
  if (field[0] === 0x80) {
    const value = field.subarray(1).reduce((total, byte) => total * 256 + byte, 0);
    if (!Number.isSafeInteger(value)) throw broken('a size that cannot be');
    return value;
  }
  const digits = /^ *([0-7]+)[ \0]*$/.exec(field.toString('latin1'))?.[1];
  if (digits === undefined) throw broken('a header that is none');
  return Number.parseInt(digits, 8);
}

function checkSum(block: Buffer): void {
  let sum = 8 * 32;
  for (let at = 0; at < BLOCK; at++) if (at < 148 || at >= 156) sum += block[at] ?? 0;
  if (number(block, 148, 8) !== sum) throw broken('a header whose sum is wrong');
}

/** The name in a header of type L, which ends in a NUL. */
function longName(data: Buffer): string {
  const name = terminated(data);
  if (name.length === 0 || name.length < data.length - 1) throw broken('a long name that is none');
  return text(name);
}

/** `LENGTH KEY=VALUE\n`, of which path and size count. */
function paxRecords(data: Buffer): { path?: string; size?: number } {
  const found = new Map<string, string>();
  for (let rest = data; rest.length > 0; ) {
    const digits = /^([1-9]\d{0,5}) /.exec(rest.subarray(0, 8).toString('latin1'))?.[1] ?? '';
    const length = Number(digits);
    const record = rest.subarray(digits.length + 1, length);
    const end = record.indexOf('=');
    if (digits === '' || length > rest.length || end < 1 || record.at(-1) !== 0x0a)
      throw broken('an extended header that is none');
    const key = record.subarray(0, end).toString('latin1');
    if (!PAX_KEYS.has(key)) throw broken(`an extended header with ${printable(key)}`);
    if (found.has(key)) throw broken(`an extended header with two of ${key}`);
    const value = record.subarray(end + 1, -1);
    found.set(key, key === 'path' || key === 'size' ? text(value) : '');
    rest = rest.subarray(length);
  }
  const [path, size] = [found.get('path'), found.get('size')];
  if (path === '') throw broken('an extended header without the path that it is for');
  if (size !== undefined && !/^(?:0|[1-9]\d{0,14})$/.test(size)) throw broken('a size that cannot be');
  return { ...(path !== undefined && { path }), ...(size !== undefined && { size: Number(size) }) };
}

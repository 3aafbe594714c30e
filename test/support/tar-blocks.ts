/** Fields of a header that a test says; all else is as POSIX's ustar has it of a file of root's. */
export interface HeaderFields {
  readonly type?: string;
  /** In bytes; default: the length of the data. */
  readonly size?: number;
  /** With the version: 8 bytes. */
  readonly magic?: string;
  readonly prefix?: string;
}

const BLOCK = 512;

/** One entry of a tar archive, header and data, written to the letter: no field is checked. */
export function tarEntry(name: string, data: string | Buffer = '', fields: HeaderFields = {}): Buffer {
  const content = Buffer.from(data);
  const { type = '0', size = content.length, magic = 'ustar\x0000', prefix = '' } = fields;
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, '0')}\0`;
  header.write(name, 0, 100);
  for (const at of [100, 108, 116]) header.write(octal(0, 8), at);
  header.write(octal(size, 12), 124);
  header.write(octal(0, 12), 136);
  header.write(type, 156, 'latin1');
  header.write(magic, 257, 'latin1');
  header.write(prefix, 345, 155);
  const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
  return Buffer.concat([withSum(header), content, padding]);
}

/** A header with the right sum over itself. */
export function withSum(header: Buffer): Buffer {
  const summed = Buffer.from(header);
  summed.write('        ', 148, 'latin1');
  const sum = summed.subarray(0, BLOCK).reduce((total, byte) => total + byte, 0);
  summed.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return summed;
}

/** A record of a pax header: `LENGTH KEY=VALUE` with a line feed. `zeros` stand before the length and count in it. */
export function paxRecord(key: string, value: string, zeros = ''): string {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest) + zeros.length + 1;
  while (String(length).length + zeros.length + Buffer.byteLength(rest) !== length) length += 1;
  return `${zeros}${length}${rest}`;
}

/** An extended header (pax, type x) that says so much of the next entry. */
export function paxHeader(...records: readonly string[]): Buffer {
  return tarEntry('PaxHeaders.0/entry', records.join(''), { type: 'x' });
}

/** The end of an archive. */
export const TAR_END = Buffer.alloc(2 * BLOCK);

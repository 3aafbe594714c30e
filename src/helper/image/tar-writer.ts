/** An entry of an image layer. Owner is root and the time is fixed, so that equal content gives an equal digest. */
export type LayerEntry = { path: string; mode: number } & (
  | { kind: 'directory' }
  | { kind: 'symlink'; target: string }
  | { kind: 'file'; data: Uint8Array }
);

const BLOCK = 512;

/** The entries as a POSIX ustar archive. Throws for a path that ustar cannot hold (100 bytes; the image has none). */
export function writeTar(entries: readonly LayerEntry[]): Buffer {
  const blocks: Uint8Array[] = [];
  for (const entry of entries) {
    blocks.push(header(entry));
    if (entry.kind !== 'file') continue;
    blocks.push(entry.data, Buffer.alloc((BLOCK - (entry.data.byteLength % BLOCK)) % BLOCK));
  }
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

function header(entry: LayerEntry): Buffer {
  const name = entry.kind === 'directory' ? `${entry.path}/` : entry.path;
  if (Buffer.byteLength(name) > 100) throw new Error(`path too long for a layer: ${name}`);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, '0')}\0`;
  block.write(name, 0);
  block.write(octal(entry.mode, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(entry.kind === 'file' ? entry.data.byteLength : 0, 12), 124);
  block.write(octal(0, 12), 136);
  block.write('        ', 148);
  block.write({ file: '0', symlink: '2', directory: '5' }[entry.kind], 156);
  if (entry.kind === 'symlink') block.write(entry.target, 157);
  block.write('ustar\x0000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

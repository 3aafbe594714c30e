import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import path from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TarReader } from '../../src/archive/tar-reader.ts';
import { goBuild } from '../lab/build/go.ts';
import { paxRecord, TAR_END, tarEntry, withSum } from '../support/tar-blocks.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

interface Entry {
  readonly path: string;
  readonly type: string;
  readonly size: number;
  readonly sha256: string;
}

/** What the reader sees, undefined where it refuses. */
function seenHere(archive: Buffer): Entry[] | undefined {
  const found: (Omit<Entry, 'sha256'> & { hash: ReturnType<typeof createHash> })[] = [];
  const bounds = { maxEntries: 1000, maxPaths: 100_000, maxBytes: archive.length };
  const reader = new TarReader(bounds, ({ path: name, kind, size }) => {
    const hash = createHash('sha256');
    found.push({ path: name, type: kind === 'directory' ? '5' : '0', size, hash });
    return (chunk) => hash.update(chunk);
  });
  try {
    reader.write(archive);
    reader.end();
  } catch {
    return undefined;
  }
  return found.map(({ hash, ...entry }) => ({ ...entry, sha256: hash.digest('hex') }));
}

/** What Go sees in each. */
async function seenByGo(archives: readonly Buffer[]): Promise<{ entries: Entry[]; failed: boolean }[]> {
  const output = path.join(temporaryFolder(), 'tar-entries');
  await goBuild({ folder: path.join(import.meta.dirname, 'tar-entries'), output });
  const input = archives.flatMap((archive) => [Buffer.from(Uint32Array.of(archive.length).buffer), archive]);
  const lines = execFileSync(output, { input: Buffer.concat(input), maxBuffer: 2 ** 28 })
    .toString()
    .trim()
    .split('\n');
  return lines.map((line) => JSON.parse(line) as { entries: Entry[]; failed: boolean });
}

const smuggled = Buffer.concat([tarEntry('evil', 'e'), tarEntry('more', 'm')]);
const name = fc.constantFrom('a', 'b/c', 'd/', 'b//c', './e', '../f', 'é', 'l'.repeat(99));
const content = fc.constantFrom<string | Buffer>('', 'x', 'y'.repeat(512), smuggled);
const record = fc.oneof(
  name.map((name) => paxRecord('path', name)),
  fc.constantFrom(
    ...[paxRecord('mtime', '1.5'), paxRecord('size', '0'), paxRecord('size', '1024'), paxRecord('path', '')],
    ...[paxRecord('path', 'z', '0'), paxRecord('GNU.sparse.name', 's'), paxRecord('linkpath', 'l')],
    ...[paxRecord('GNU.sparse.major', '1'), paxRecord('GNU.sparse.minor', '0'), paxRecord('uid', 'x')],
    ...['9 path=q\n', '10 path=q\n', '9 path=q ', ' path=q\n', '8 path=\n'],
  ),
);
const magic = fc.oneof(
  { weight: 6, arbitrary: fc.constant('ustar\x0000') },
  fc.constantFrom('ustar  \0', 'ustar\x0001', 'ustar 00', '\0\0\0\0\0\0\0\0'),
);
const plain = fc
  .record({ name, data: content, type: fc.constantFrom('0', '0', '0', '5', '\0', '7', '1', '2', 'S'), magic })
  .map(({ name, data, ...fields }) => tarEntry(name, fields.type === '5' ? '' : data, fields));
const prefixed = fc.record({ magic, prefix: fc.constantFrom('p', 'q/r', '12345670123\0') });
const extension = fc.oneof(
  fc.array(record, { maxLength: 3 }).map((records) => tarEntry('PaxHeaders.0/x', records.join(''), { type: 'x' })),
  fc.array(record, { maxLength: 2 }).map((records) => tarEntry('GlobalHead', records.join(''), { type: 'g' })),
  fc
    .record({ name, end: fc.constantFrom('\0', '', '\0x', '\0\0'), type: fc.constantFrom('L', 'L', 'K') })
    .map(({ name, end, type }) => tarEntry('././@LongLink', name + end, { type })),
);
const part = fc.oneof(
  { weight: 3, arbitrary: plain },
  { weight: 2, arbitrary: extension },
  {
    weight: 1,
    arbitrary: prefixed.map((fields) => tarEntry('n', 'data', fields)),
  },
);

/** Where headers begin and what is written there. */
const changes = fc.array(
  fc.record({ header: fc.nat(6), at: fc.nat(511), to: fc.oneof(fc.nat(255), fc.constantFrom(0, 0x20, 0x30, 0x80)) }),
  { maxLength: 2 },
);
const archive = fc
  .record({ parts: fc.array(part, { minLength: 1, maxLength: 4 }), changes, end: fc.constantFrom(1024, 1024, 512, 0) })
  .map((made) => {
    const whole = Buffer.concat([...made.parts, TAR_END.subarray(0, made.end)]);
    for (const { header, at, to } of made.changes) {
      const block = whole.subarray(header * 512, header * 512 + 512);
      if (block.length < 512 || block.every((byte) => byte === 0)) continue;
      block[at] = to;
      withSum(block).copy(block);
    }
    return whole;
  });

it('an archive that passes has the very entries for Go that it has here, or Go fails at it', async () => {
  const archives = fc.sample(archive, { numRuns: 20_000, seed: Number(process.env['SEED'] ?? Date.now() % 2 ** 31) });
  const byGo = await seenByGo(archives);
  expect(byGo.length).toBe(archives.length);
  let same = 0;
  for (const [index, each] of archives.entries()) {
    const here = seenHere(each);
    const there = byGo[index];
    if (!here || !there) continue;
    const entries = there.entries.map((entry) => ({
      ...entry,
      path: entry.type === '5' ? entry.path.replace(/\/$/, '') : entry.path,
    }));
    const shown = each.toString('base64');
    expect(entries, shown).toEqual(there.failed ? here.slice(0, entries.length) : here);
    if (!there.failed) same += 1;
  }
  // It does not refuse all there is.
  expect(same).toBeGreaterThan(archives.length / 100);
});

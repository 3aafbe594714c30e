import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { cached } from '../../../src/helper/image/cache.ts';
import { writeTar } from '../../../src/helper/image/tar-writer.ts';
import { findMirror } from '../../../src/helper/image/toolchain.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

describe("apt's sources", () => {
  it('are read in both formats', () => {
    const stanza = 'Types: deb\nURIs: http://mirror.test/debian\nSuites: bookworm bookworm-updates\nComponents: main\n';
    expect(findMirror(['deb [signed-by=/k] http://other.test x main\n', `# c\n${stanza}`], 'bookworm').uri).toBe(
      'http://mirror.test/debian',
    );
    expect(findMirror(['deb [arch=amd64] http://one.test/debian trixie main contrib\n'], 'trixie').uri).toBe(
      'http://one.test/debian',
    );
    expect(() => findMirror(['deb http://one.test/debian trixie main\n'], 'sid')).toThrow(/sid/);
  });
});

describe('a cached directory', () => {
  const dir = temporaryFolder();

  it('is made once, and never seen half made', async () => {
    await expect(
      cached(dir, 'x', ['1'], async (at) => {
        writeFileSync(path.join(at, 'half'), '');
        throw new Error('power cut');
      }),
    ).rejects.toThrow('power cut');
    expect(readdirSync(dir)).toEqual([]);
    let made = 0;
    const make = async () => void made++;
    const first = await cached(dir, 'x', ['1'], make);
    expect(await cached(dir, 'x', ['1'], make)).toBe(first);
    expect(await cached(dir, 'x', ['2'], make)).not.toBe(first);
    expect(made).toBe(2);
  });
});

describe('a layer', () => {
  it('depends on content alone', () => {
    const entries = [
      { kind: 'directory', path: 'a', mode: 0o755 },
      { kind: 'file', path: 'a/f', mode: 0o755, data: Buffer.from('x') },
      { kind: 'symlink', path: 'a/l', mode: 0o777, target: '../f' },
    ] as const;
    const tar = writeTar(entries);
    expect(tar.equals(writeTar(entries))).toBe(true);
    expect(tar.length % 512).toBe(0);
    expect(tar.subarray(0, 2).toString()).toBe('a/');
  });
});

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { unpackTar } from 'modern-tar';
import { beforeAll, describe, expect, it } from 'vitest';
import { signAdHoc, signatureFaults } from '../../krew/binary/ad-hoc-signature.ts';
import { makeBinary } from '../../krew/binary/binary.ts';
import { bundleProgram } from '../../krew/binary/bundle.ts';
import { parseMachO } from '../../krew/binary/mach-o.ts';
import { certificateBytes } from '../../krew/binary/portable-executable.ts';
import { executable, hostTarget, TARGETS, type Target, targetName } from '../../krew/binary/targets.ts';
import { type Archive, digestOf } from '../../krew/release/archive.ts';
import { MANIFEST, renderManifest } from '../../krew/release/manifest.ts';
import { goBuild } from '../lab/build/go.ts';
import { packageRelease, withKrew } from '../support/krew.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const released = path.join(folder, 'release');
let archives: readonly Archive[];

beforeAll(async () => {
  archives = await packageRelease(released, TARGETS, 'https://example.invalid/project');
});

const machine = (file: Buffer): string => {
  const [at, magic] = [file.readUInt32LE(0x3c), file.readUInt32BE(0)];
  if (magic === 0x7f454c46) return `ELF ${file.readUInt16LE(18)}`;
  if (file.toString('latin1', 0, 2) === 'MZ') return `PE ${file.readUInt16LE(at + 4).toString(16)}`;
  return `Mach-O ${parseMachO(file).x64 ? 'x86_64' : 'arm64'}`;
};

const MACHINES: Readonly<Record<string, string>> = {
  'linux-amd64': 'ELF 62',
  'linux-arm64': 'ELF 183',
  'darwin-amd64': 'Mach-O x86_64',
  'darwin-arm64': 'Mach-O arm64',
  'windows-amd64': 'PE 8664',
  'windows-arm64': 'PE aa64',
};

async function unpacked(target: Target): Promise<{ names: string[]; binary: Buffer }> {
  const file = archives.find((archive) => archive.target === target)?.file ?? '';
  const entries = await unpackTar(gunzipSync(readFileSync(file)));
  const [first] = entries;
  expect(first?.header).toMatchObject({ name: executable(target), mode: 0o755, type: 'file' });
  return { names: entries.map(({ header }) => header.name), binary: Buffer.from(first?.data ?? []) };
}

describe('a release', () => {
  it.each(TARGETS.map((target) => [targetName(target), target] as const))(
    'has an archive for %s with a program of that platform, and with the licences',
    async (name, target) => {
      const { names, binary } = await unpacked(target);
      expect(names).toEqual([executable(target), 'LICENSE', 'THIRD-PARTY-LICENSES.txt']);
      expect(machine(binary)).toBe(MACHINES[name]);
      if (target.os === 'darwin') expect(signatureFaults(binary)).toEqual([]);
      // What Node was signed with is void once something is injected.
      if (target.os === 'windows') expect(certificateBytes(binary)).toBe(0);
    },
  );

  it('is taken by Krew, which installs every archive', () =>
    withKrew(
      async ({ run, repository }) => {
        const manifest = path.join(released, MANIFEST);
        writeFileSync(manifest, await renderManifest(archives, repository));
        const ended = await run('validate-krew-manifest', ['-manifest', manifest]);
        expect(ended).toMatchObject({ code: 0 });
        expect(ended.stderr).toContain(`all ${TARGETS.length} spec.platforms installed fine`);
      },
      { releases: released },
    ));

  it('has checksums that hold', async () => {
    const lines = readFileSync(path.join(released, 'SHA256SUMS'), 'utf8').trim().split('\n');
    expect(lines).toHaveLength(TARGETS.length + 2);
    for (const line of lines) {
      const [digest, file = ''] = line.split('  ');
      expect(digest).toBe(await digestOf(path.join(released, file)));
    }
  });

  it.each(
    [hostTarget(), ...TARGETS.filter(({ os }) => os === 'darwin').slice(0, 1)].map(
      (each) => [targetName(each), each] as const,
    ),
  )('has the same bytes when the binary for %s is made again', async (name, target) => {
    const again = await makeBinary(target, await bundleProgram(), path.join(folder, 'again', name));
    expect(await digestOf(again)).toBe(await digestOf(path.join(released, 'binaries', name, executable(target))));
  });
});

describe('the ad-hoc signature', () => {
  let linked: Buffer;

  beforeAll(async () => {
    writeFileSync(path.join(folder, 'main.go'), 'package main\n\nfunc main() {}\n');
    writeFileSync(path.join(folder, 'go.mod'), 'module none\n');
    const output = path.join(folder, 'none');
    await goBuild({ folder, output, environment: { GOOS: 'darwin', GOARCH: 'arm64' } });
    linked = readFileSync(output);
  });

  it('is the one that Go’s linker makes, but for the page with the header, where the size of the signature is', () => {
    expect(signatureFaults(linked)).toEqual([]);
    const offset = parseMachO(linked).signature?.offset ?? 0;
    const ours = signAdHoc(linked, 'a.out');
    // Two headers and the identifier, then a hash for each page.
    const hashes = offset + 20 + 88 + 'a.out\0'.length;
    expect(ours.subarray(offset, hashes)).toEqual(linked.subarray(offset, hashes));
    expect(ours.subarray(hashes + 32, linked.length)).toEqual(linked.subarray(hashes + 32));
  });

  it('is found void when a byte of the code was changed', () => {
    const changed = Buffer.from(linked);
    changed.writeUInt8(changed.readUInt8(0x5000) ^ 1, 0x5000);
    expect(signatureFaults(changed)).toEqual(['page 5 is not what was signed']);
    expect(signatureFaults(signAdHoc(changed, 'a.out'))).toEqual([]);
  });
});

import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PROGRAM } from '../../src/domain/names.ts';
import { makeBinary } from '../binary/binary.ts';
import { bundleProgram } from '../binary/bundle.ts';
import { RELEASE, ROOT, type Target, targetName } from '../binary/targets.ts';
import { type Archive, digestOf, makeArchive } from './archive.ts';
import { componentsPlugin, licenceTexts, withRuntime } from './components.ts';
import { MANIFEST, renderManifest } from './manifest.ts';

/** What a download may weigh, in bytes. */
const LIMITS = { binary: 135e6, archive: 45e6 };

/** Everything of a release, as files in one folder. */
export interface Release {
  readonly folder: string;
  readonly archives: readonly Archive[];
  /** Only when the address of the archives is known. */
  readonly manifest?: string;
  readonly components: string;
  readonly checksums: string;
}

/**
 * Makes a release in `folder`, which is emptied first: an archive for each target, Krew's manifest, a bill of materials
 * (CycloneDX), the licences of all that is in the binaries, and checksums of it all. The manifest needs `repository`, the
 * address of the project.
 * @throws when something is larger than it may be, or a licence is missing.
 */
export async function makeRelease(
  targets: readonly Target[],
  folder: string,
  { repository, say = () => undefined }: { repository?: string; say?: (line: string) => void } = {},
): Promise<Release> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const components = path.join(folder, `${PROGRAM}_${RELEASE}.cdx.json`);
  const program = await bundleProgram([componentsPlugin(components)]);
  const bom = await withRuntime(components);
  await writeFile(components, `${JSON.stringify(bom, null, 2)}\n`);
  const licences = path.join(folder, 'THIRD-PARTY-LICENSES.txt');
  await writeFile(licences, licenceTexts(bom));
  const archives: Archive[] = [];
  for (const target of targets) {
    const binary = await makeBinary(target, program, path.join(folder, 'binaries', targetName(target)));
    const archive = await makeArchive(target, [binary, path.join(ROOT, 'LICENSE'), licences], folder);
    archives.push(archive);
    const sizes = { binary: await size(binary, LIMITS.binary), archive: await size(archive.file, LIMITS.archive) };
    say(`${path.basename(archive.file)}: ${sizes.archive}, unpacked ${sizes.binary}`);
  }
  const checksums = path.join(folder, 'SHA256SUMS');
  const listed = [...archives.map(({ file }) => file), components, licences];
  const lines = listed.map(async (file) => `${await digestOf(file)}  ${path.basename(file)}\n`);
  await writeFile(checksums, (await Promise.all(lines)).join(''));
  const made = { folder, archives, components, checksums };
  if (repository === undefined) return made;
  const manifest = path.join(folder, MANIFEST);
  await writeFile(manifest, await renderManifest(archives, repository));
  return { ...made, manifest };
}

async function size(file: string, limit: number): Promise<string> {
  const { size: bytes } = await stat(file);
  const text = `${(bytes / 1e6).toFixed(1)} MB`;
  if (bytes > limit) throw new Error(`${path.basename(file)} has ${text}, more than ${limit / 1e6} MB`);
  return text;
}

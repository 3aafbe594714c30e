import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { PLUGIN } from '../../src/domain/names.ts';
import { executable, RELEASE } from '../binary/targets.ts';
import type { Archive } from './archive.ts';

/** The file's name: Krew wants it to be the plugin's. */
export const MANIFEST = `${PLUGIN}.yaml`;

/**
 * The manifest for Krew: what krew/manifest.yaml says in words, and an entry for each archive. `repository` is the
 * project's address, under which a hosting service of GitHub's kind keeps the files of a release.
 */
export async function renderManifest(
  archives: readonly Archive[],
  repository: string,
  version = RELEASE,
): Promise<string> {
  const template = parse(await readFile(path.join(import.meta.dirname, '../manifest.yaml'), 'utf8'));
  const platforms = archives.map(({ target, file, sha256 }) => ({
    selector: { matchLabels: { os: target.os, arch: target.arch } },
    uri: `${repository}/releases/download/${version}/${path.basename(file)}`,
    sha256,
    bin: executable(target),
  }));
  const { apiVersion, kind, spec } = template;
  return stringify(
    { apiVersion, kind, metadata: { name: PLUGIN }, spec: { version, homepage: repository, ...spec, platforms } },
    { lineWidth: 0 },
  );
}

import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { packTar } from 'modern-tar';
import { PROGRAM } from '../../src/domain/names.ts';
import { RELEASE, type Target, targetName } from '../binary/targets.ts';

/** An archive as it is released. */
export interface Archive {
  readonly target: Target;
  readonly file: string;
  /** Hex. */
  readonly sha256: string;
}

/** The archive's file name: `kubectl-migrate_v0.1.0_linux-amd64.tar.gz`. */
export const archiveName = (target: Target): string => `${PROGRAM}_${RELEASE}_${targetName(target)}.tar.gz`;

/** Hex sha256 of a file's contents. */
export async function digestOf(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}

/**
 * Packs plain files, flat, as a gzipped tar: no owner, no time, in the order given, so that the same files give the same
 * bytes. Krew takes this form for Windows as well. Overwrites.
 */
export async function makeArchive(target: Target, files: readonly string[], folder: string): Promise<Archive> {
  const entries = files.map(async (file) => {
    const body = await readFile(file);
    const name = path.basename(file);
    const mode = name.startsWith(PROGRAM) ? 0o755 : 0o644;
    return { header: { name, size: body.length, mode, mtime: new Date(0), type: 'file' as const }, body };
  });
  const file = path.join(folder, archiveName(target));
  await writeFile(file, gzipSync(await packTar(await Promise.all(entries)), { level: 9 }));
  return { target, file, sha256: await digestOf(file) };
}

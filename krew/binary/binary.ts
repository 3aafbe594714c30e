import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { PROGRAM } from '../../src/domain/names.ts';
import { signAdHoc } from './ad-hoc-signature.ts';
import { bundleLoader, type Pieces } from './bundle.ts';
import { makeCodeCaches } from './code-cache.ts';
import type { Injection } from './inject.ts';
import { nodeBase } from './node-base.ts';
import { withoutCertificates } from './portable-executable.ts';
import { executable, hostTarget, type Target } from './targets.ts';

/**
 * Makes the standalone binary of a target in `folder`: Node's official one with the program (as `bundleProgram` made
 * it) inside. This machine's own target gets code caches too, which no other machine's V8 can make. The same program
 * gives the same bytes. Overwrites.
 *
 * @returns the binary's path
 */
export async function makeBinary(target: Target, program: Pieces, folder: string): Promise<string> {
  const output = path.join(folder, executable(target));
  const scratch = await mkdtemp(path.join(tmpdir(), 'kubectl-migrate-binary-'));
  try {
    const main = path.join(scratch, 'loader.cjs');
    await writeFile(main, await bundleLoader());
    const assets = await layOut(target, program, path.join(scratch, 'pieces'));
    await rm(output, { force: true });
    await mkdir(folder, { recursive: true });
    await inject({ target, base: await nodeBase(target), main, assets, output }, scratch);
    await settleSignature(target, output);
    return output;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Node's own signature is void by now: a Mac gets an ad-hoc one, Windows none. */
async function settleSignature({ os }: Target, file: string): Promise<void> {
  if (os === 'darwin') await writeFile(file, signAdHoc(await readFile(file), PROGRAM));
  if (os === 'windows') await writeFile(file, withoutCertificates(await readFile(file)));
}

/** Writes everything that a binary carries as files, and yields them by the names under which the loader asks. */
async function layOut(target: Target, program: Pieces, folder: string): Promise<Record<string, string>> {
  await mkdir(folder);
  for (const [name, text] of program) await writeFile(path.join(folder, name), text, 'latin1');
  const caches = target === hostTarget() ? (await makeCodeCaches(folder)).map((name) => `./${name}.cache`) : [];
  // In an order of their own, since they lie in the binary as they are named here.
  const names = [...program.keys(), ...caches].sort();
  return Object.fromEntries(names.map((name) => [name, path.join(folder, name)]));
}

async function inject(injection: Injection, scratch: string): Promise<void> {
  const home = path.join(scratch, 'home');
  await mkdir(home);
  const script = path.join(import.meta.dirname, 'inject.ts');
  await promisify(execFile)(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', script, JSON.stringify(injection)],
    { env: { ...process.env, HOME: home, USERPROFILE: home, TMPDIR: scratch, TEMP: scratch } },
  );
}

import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = path.resolve(import.meta.dirname, '..');

/** Where `buildProgram` leaves the folder that belongs on PATH. */
export const PROGRAM_DIR = path.join(root, 'dist/bin');

/**
 * Bundles the program into one file and a starter `kubectl-migrate` beside it that runs it with the Node of
 * package-lock.json, wherever that lies. Idempotent. Yields the starter's path.
 */
export async function buildProgram(): Promise<string> {
  rmSync(PROGRAM_DIR, { recursive: true, force: true });
  mkdirSync(PROGRAM_DIR, { recursive: true });
  const bundle = path.join(PROGRAM_DIR, 'kubectl-migrate.cjs');
  await build({
    entryPoints: [path.join(root, 'cmd/main.ts')],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    target: 'node22',
    format: 'cjs',
    keepNames: true,
    legalComments: 'none',
    logLevel: 'warning',
    // yargs reads its locales relative to import.meta.url, which CommonJS does not have.
    define: { 'import.meta.url': '__bundleUrl' },
    banner: { js: "const __bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
  });
  const starter = path.join(PROGRAM_DIR, 'kubectl-migrate');
  writeFileSync(starter, `#!/bin/sh\nexec '${process.execPath}' '${bundle}' "$@"\n`);
  chmodSync(starter, 0o755);
  return starter;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.stdout.write(`${await buildProgram()}\n`);
}

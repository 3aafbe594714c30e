// Makes the binary for this machine and prints its path. Usage: npm run build
import path from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { makeBinary } from './binary/binary.ts';
import { bundleProgram } from './binary/bundle.ts';
import { hostTarget, ROOT } from './binary/targets.ts';

/** Where `buildProgram` leaves the binary; the folder belongs on PATH. */
export const PROGRAM_DIR = path.join(ROOT, 'dist/bin');

/** The standalone binary for this machine, made anew. Yields its path. */
export async function buildProgram(): Promise<string> {
  return makeBinary(hostTarget(), await bundleProgram(), PROGRAM_DIR);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.stdout.write(`${await buildProgram()}\n`);
}

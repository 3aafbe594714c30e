import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { run } from '../run.ts';
import { goModule } from './go.ts';

/**
 * Fetches a Go module and hands work a copy of its sources that can be written to (the module cache is read-only, and
 * builds there may want to write). The copy goes away when the work ends.
 */
export async function withModuleSources<T>(
  module: string,
  version: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const copy = mkdtempSync(path.join(os.tmpdir(), 'kubectl-migrate-lab-'));
  try {
    await run('cp', ['-r', '--no-preserve=mode', `${await goModule(module, version)}/.`, copy]);
    return await work(copy);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

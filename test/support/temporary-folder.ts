import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';

/** A new folder, which goes with the run of tests that it is made in. */
export function temporaryFolder(): string {
  return mkdtempSync(path.join(tmpdir(), 'folder-'));
}

/** Once before a run: whatever it puts where temporary files belong is in one folder, and gone when it ends. */
export default function setup(): () => void {
  const folder = mkdtempSync(path.join(tmpdir(), 'kubectl-migrate-run-'));
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = folder;
  return () => {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    rmSync(folder, { recursive: true, force: true });
  };
}

import path from 'node:path';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';

/** What takes longer to load than help and completion may take in all. */
const LATE = ['@kubernetes/client-node', 'undici', 'ws', 'zod', 'yaml', 'inquirer', '@inquirer/'];

/** Every file that is loaded before the command line is looked at. */
async function loadedAtStart(): Promise<string[]> {
  const { metafile } = await build({
    entryPoints: ['cmd/main.ts'],
    absWorkingDir: path.resolve(import.meta.dirname, '../..'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
    metafile: true,
    logLevel: 'error',
  });
  const seen = new Set(['cmd/main.ts']);
  // A set may grow while it is walked.
  for (const file of seen) {
    for (const { path: imported, kind, external } of metafile.inputs[file]?.imports ?? []) {
      if (kind !== 'dynamic-import' && !external) seen.add(imported);
    }
  }
  return [...seen];
}

describe('the start of the program', () => {
  it('loads nothing that help and completion do without', async () => {
    const loaded = await loadedAtStart();
    expect(loaded).toContain('cmd/root.ts');
    const late = loaded.filter((file) => LATE.some((name) => file.startsWith(`node_modules/${name}`)));
    expect(late, 'import these when they are needed: await import(…)').toEqual([]);
  });
});

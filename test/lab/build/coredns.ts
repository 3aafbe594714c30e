import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Recipe } from '../cache.ts';
import { run } from '../run.ts';
import { goBuild, goModule } from './go.ts';

const version = 'v1.15.0';

/** CoreDNS as one static program, `coredns`, with the plugins that it is published with. */
export const coredns: Recipe = {
  name: 'coredns',
  inputs: { version, flags: 1 },
  usual: '100 s',
  make: async (folder) => {
    const work = mkdtempSync(path.join(os.tmpdir(), 'kubectl-migrate-lab-'));
    try {
      const sources = await goModule('github.com/coredns/coredns', version);
      // The module cache is read-only, and a build there may want to write to go.sum.
      await run('cp', ['-r', '--no-preserve=mode', `${sources}/.`, work]);
      await goBuild({ folder: work, output: path.join(folder, 'coredns') });
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  },
};

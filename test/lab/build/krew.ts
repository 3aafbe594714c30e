import path from 'node:path';
import type { Recipe } from '../cache.ts';
import { withModuleSources } from './from-module.ts';
import { goBuild } from './go.ts';

const version = 'v0.5.0';

/** Krew as kubectl finds it, `kubectl-krew`, and `validate-krew-manifest`, which Krew's own index is kept right with. */
export const krew: Recipe = {
  name: 'krew',
  inputs: { version, flags: 1 },
  usual: '40 s',
  make: (folder) =>
    withModuleSources('sigs.k8s.io/krew', version, async (sources) => {
      await goBuild({ folder: sources, package: './cmd/krew', output: path.join(folder, 'kubectl-krew') });
      const validator = 'validate-krew-manifest';
      await goBuild({ folder: sources, package: `./cmd/${validator}`, output: path.join(folder, validator) });
    }),
};

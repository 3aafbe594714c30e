import path from 'node:path';
import type { Recipe } from '../cache.ts';
import { withModuleSources } from './from-module.ts';
import { goBuild } from './go.ts';

const version = 'v1.7.12';

/** The linter of workflow files, `actionlint`. */
export const actionlint: Recipe = {
  name: 'actionlint',
  inputs: { version, flags: 1 },
  usual: '20 s',
  make: (folder) =>
    withModuleSources('github.com/rhysd/actionlint', version, (sources) =>
      goBuild({ folder: sources, package: './cmd/actionlint', output: path.join(folder, 'actionlint') }),
    ),
};

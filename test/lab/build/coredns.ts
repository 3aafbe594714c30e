import path from 'node:path';
import type { Recipe } from '../cache.ts';
import { withModuleSources } from './from-module.ts';
import { goBuild } from './go.ts';

const version = 'v1.15.0';

/** CoreDNS as one static program, `coredns`, with the plugins that it is published with. */
export const coredns: Recipe = {
  name: 'coredns',
  inputs: { version, flags: 1 },
  usual: '100 s',
  make: (folder) =>
    withModuleSources('github.com/coredns/coredns', version, (sources) =>
      goBuild({ folder: sources, output: path.join(folder, 'coredns') }),
    ),
};

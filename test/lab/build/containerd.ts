import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Recipe } from '../cache.ts';
import { withModuleSources } from './from-module.ts';
import { goBuild } from './go.ts';

const version = 'v2.4.2';
const programs = ['containerd', 'containerd-shim-runc-v2', 'ctr'];
// Storage that the lab does not use and that would need libraries.
const tags = ['no_btrfs', 'no_devmapper', 'no_zfs'];

/** A layer for a node's root: containerd 2.4, found before Debian's. */
export const containerd24: Recipe = {
  name: 'containerd-2.4',
  inputs: { version, programs, tags },
  usual: '80 s',
  make: (folder) =>
    withModuleSources('github.com/containerd/containerd/v2', version, async (sources) => {
      const bin = path.join(folder, 'usr/local/bin');
      mkdirSync(bin, { recursive: true });
      for (const program of programs) {
        await goBuild({
          folder: sources,
          package: `./cmd/${program}`,
          output: path.join(bin, program),
          tags,
          variables: { 'github.com/containerd/containerd/v2/version.Version': version },
        });
      }
    }),
};

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Recipe } from '../cache.ts';
import { run } from '../run.ts';

const source = path.join(import.meta.dirname, 'read-limits.c');

const wrapper = `#!/bin/sh
LD_PRELOAD=/usr/local/lib/read-limits.so exec /usr/sbin/criu "$@"
`;

/** A layer for a node's root: a criu, found before Debian's, that works without CAP_SYS_RESOURCE. */
export const criuShim: Recipe = {
  name: 'criu-shim',
  inputs: { wrapper },
  sources: [source],
  usual: '1 s',
  make: async (folder) => {
    const bin = path.join(folder, 'usr/local/sbin');
    const lib = path.join(folder, 'usr/local/lib');
    mkdirSync(bin, { recursive: true });
    mkdirSync(lib, { recursive: true });
    await run('gcc', ['-shared', '-fPIC', '-O2', '-Wall', '-Werror', '-o', path.join(lib, 'read-limits.so'), source]);
    writeFileSync(path.join(bin, 'criu'), wrapper);
    chmodSync(path.join(bin, 'criu'), 0o755);
  },
};

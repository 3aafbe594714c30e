import { chmodSync, copyFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Recipe } from '../cache.ts';
import { run, tryRun } from '../run.ts';
import { withModuleSources } from './from-module.ts';
import { goBuild } from './go.ts';

const version = 'v1.34.0';
const tags = ['containers_image_openpgp', 'exclude_graphdriver_btrfs', 'seccomp'];
const headers = ['libseccomp-dev', 'pkg-config', 'make'];
const softRunc = path.join(import.meta.dirname, 'soft-runc.sh');

/** A layer for a node's root: CRI-O, and the OCI runtime that it needs on machines without CAP_SYS_RESOURCE. */
export const crio: Recipe = {
  name: 'crio',
  inputs: { version, tags },
  sources: [softRunc],
  usual: '2 min',
  make: async (folder) => {
    await installHeaders();
    await withModuleSources('github.com/cri-o/cri-o', version, async (sources) => {
      const bin = path.join(folder, 'usr/local/bin');
      const sbin = path.join(folder, 'usr/local/sbin');
      for (const place of [bin, sbin]) mkdirSync(place, { recursive: true });
      await goBuild({ folder: sources, package: './cmd/crio', output: path.join(bin, 'crio'), tags, cgo: true });
      await run('make', ['-C', path.join(sources, 'pinns')]);
      copyFileSync(path.join(sources, 'bin/pinns'), path.join(bin, 'pinns'));
      copyFileSync(softRunc, path.join(sbin, 'soft-runc'));
      for (const program of [path.join(bin, 'pinns'), path.join(sbin, 'soft-runc')]) chmodSync(program, 0o755);
    });
  },
};

async function installHeaders(): Promise<void> {
  if ((await tryRun('dpkg', ['--status', ...headers])).code === 0) return;
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-q'], { env });
  await run('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...headers], { env });
}

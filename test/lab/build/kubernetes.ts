import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Recipe } from '../cache.ts';
import { run } from '../run.ts';
import { goBuild, goModule } from './go.ts';

const version = '1.37.2';
const stagingVersion = 'v0.37.2';
const main = path.join(import.meta.dirname, 'kubernetes/main.go');
const names = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy', 'kubectl'];

/** Kubernetes as one program under usr/local/bin with a link for each of its names: a layer for a node's root. */
export const kubernetes: Recipe = {
  name: 'kubernetes',
  inputs: { version, stagingVersion, names, flags: 1 },
  sources: [main],
  usual: '7 min',
  make: async (folder) => {
    const bin = path.join(folder, 'usr/local/bin');
    mkdirSync(bin, { recursive: true });
    const work = mkdtempSync(path.join(os.tmpdir(), 'kubectl-migrate-lab-'));
    try {
      const sources = await goModule('k8s.io/kubernetes', `v${version}`);
      copyFileSync(main, path.join(work, 'main.go'));
      writeFileSync(path.join(work, 'go.mod'), ownGoMod(readFileSync(path.join(sources, 'go.mod'), 'utf8')));
      copyFileSync(path.join(sources, 'go.sum'), path.join(work, 'go.sum'));
      await run('go', ['mod', 'tidy'], { cwd: work });
      const [major = '', minor = ''] = version.split('.');
      await goBuild({
        folder: work,
        output: path.join(bin, 'kubernetes'),
        variables: {
          'k8s.io/component-base/version.gitVersion': `v${version}`,
          'k8s.io/component-base/version.gitMajor': major,
          'k8s.io/component-base/version.gitMinor': minor,
          'k8s.io/client-go/pkg/version.gitVersion': `v${version}`,
        },
      });
      for (const name of names) symlinkSync('kubernetes', path.join(bin, name));
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  },
};

/**
 * Makes the go.mod of a module that builds Kubernetes' own programs: what Kubernetes requires, with each of its
 * staging modules (which it takes from folders of its own tree) replaced by the published version.
 */
export function ownGoMod(theirs: string): string {
  const staging = [...theirs.matchAll(/^\s*(?:replace\s+)?(k8s\.io\/\S+) => \.\/staging\//gm)].map(
    ([, module]) => module,
  );
  const blocks = [...theirs.matchAll(/^require \([\s\S]*?^\)/gm)]
    .map(([block]) => block.replace(/^(\s*k8s\.io\/[a-z-]+) v0\.0\.0(?=\s)/gm, `$1 ${stagingVersion}`))
    .join('\n\n');
  const go = /^go .+$/m.exec(theirs)?.[0] ?? 'go 1.26.0';
  const godebug = /^godebug .+$/m.exec(theirs)?.[0] ?? '';
  return [
    'module kubectl-migrate.lab/kubernetes',
    go,
    godebug,
    blocks,
    `require k8s.io/kubernetes v${version}`,
    `replace (\n${staging.map((module) => `\t${module} => ${module} ${stagingVersion}`).join('\n')}\n)`,
    '',
  ].join('\n\n');
}

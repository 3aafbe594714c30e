// Makes one binary with @yao-pkg/pkg. A process of its own, because pkg looks for Node in the home folder, works in the
// temporary one and changes the working directory. Usage: inject.ts JSON (an Injection), with HOME empty and TMPDIR the
// folder of the files
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import sea from '@yao-pkg/pkg/lib-es5/sea.js';
import { nodeVersion, nodeWords, type Target } from './targets.ts';

export interface Injection {
  readonly target: Target;
  /** Node's binary for the target. */
  readonly base: string;
  /** The script that the binary runs; it lies in TMPDIR. */
  readonly main: string;
  /** Files that it carries, by the names under which the script asks for them. */
  readonly assets: Readonly<Record<string, string>>;
  readonly output: string;
}

/** Lays the binary of Node where pkg looks before it would download one. */
async function seed({ target, base }: Injection): Promise<void> {
  const { os, arch } = nodeWords(target);
  const name = path.join(homedir(), '.pkg-cache/sea', `node-v${nodeVersion()}-${os}-${arch}`);
  const binary = os === 'win' ? `${name}.exe` : path.join(name, 'bin/node');
  await mkdir(path.dirname(binary), { recursive: true });
  await symlink(base, binary);
  // It wants to see the archive as well, and a mark beside either that it came whole.
  const archive = `${name}.${os === 'win' ? 'zip' : 'tar.gz'}`;
  for (const file of [archive, `${archive}.ok`, `${binary}.ok`]) await writeFile(file, '');
}

const injection = JSON.parse(process.argv[2] ?? '') as Injection;
const { target, main, assets, output } = injection;
const { os, arch } = nodeWords(target);
await seed(injection);
const config = {
  disableExperimentalSEAWarning: true,
  useSnapshot: false,
  useCodeCache: false,
  assets: { ...assets },
  // The path is told in the binary: relative to the folder that pkg makes, so that it is the same each time.
  main: path.join('..', path.basename(main)),
};
// The command line of pkg passes no assets on; its function does.
await sea.default(main, {
  targets: [{ nodeRange: `node${nodeVersion()}`, platform: os === 'darwin' ? 'macos' : os, arch, output }],
  signature: false,
  seaConfig: config,
});

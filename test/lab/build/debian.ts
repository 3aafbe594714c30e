import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../run.ts';

/** Suites that hold the versions which the lab needs; older release files than their validity are accepted. */
export const suites = ['forky', 'sid'] as const;

/**
 * Makes a root file system of Debian packages in a folder.
 * @param variant `minbase` for a system that runs, `extract` for files only, nothing configured.
 * @throws with the last lines of the tool when a package cannot be had.
 */
export async function bootstrap(
  folder: string,
  variant: 'minbase' | 'extract',
  packages: readonly string[],
): Promise<void> {
  const mirror = debianMirror();
  await run('mmdebstrap', [
    `--variant=${variant}`,
    '--aptopt=Acquire::Check-Valid-Until "false"',
    `--include=${packages.join(',')}`,
    suites[0],
    folder,
    ...suites.map((suite) => `deb ${mirror} ${suite} main`),
  ]);
}

/**
 * Address of the package mirror that this machine's own apt uses for Debian.
 * @throws when apt is set up without one.
 */
function debianMirror(folder = '/etc/apt'): string {
  const files = ['sources.list', ...list(path.join(folder, 'sources.list.d')).map((name) => `sources.list.d/${name}`)];
  for (const file of files) {
    const mirror = mirrorIn(read(path.join(folder, file)));
    if (mirror !== undefined) return mirror;
  }
  throw new Error(`no Debian package mirror in ${folder}: the lab's nodes are made of Debian packages`);
}

/** First address in an apt sources file (either format) that serves Debian itself, not its security updates. */
export function mirrorIn(sources: string): string | undefined {
  for (const line of sources.split('\n')) {
    const deb822 = /^URIs:\s*(\S+)/.exec(line)?.[1];
    const classic = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)/.exec(line)?.[1];
    const address = deb822 ?? classic;
    if (address !== undefined && /\/debian\/?$/.test(address)) return address;
  }
  return undefined;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

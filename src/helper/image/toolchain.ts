import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { cached } from './cache.ts';
import { run } from './run.ts';

/** Its sources, from Debian's pool. */
export const CRIU = { version: '4.2.1', sha256: '29ec0ee09e296479fe7048c80980e8ef1d0684d0b0204c2b101dfea19f6725b9' };

/** Where CRIU makes directories for a moment: on the source in the helper, on the target in the placeholder's emptyDir. */
const SCRATCH = '/.kubectl-migrate/engine/scratch';

/** What the image takes programs and libraries from, and what CRIU is compiled with. */
const PACKAGES = [
  ...['nftables', 'iproute2', 'tar', 'attr', 'util-linux', 'libstdc++6'],
  ...['gcc', 'make', 'pkg-config', 'libc6-dev', 'libbsd-dev', 'libcap-dev', 'libnet1-dev', 'libnl-3-dev', 'uuid-dev'],
  ...['libnftables-dev'],
  ...['libprotobuf-c-dev', 'libprotobuf-dev', 'protobuf-c-compiler', 'protobuf-compiler', 'python3-minimal'],
];

/** A Debian mirror as this machine's apt is configured with. */
export type Mirror = { uri: string; suite: string };

/**
 * Finds in apt's source files (both formats, sources.list(5)) the first entry of the given suite.
 * Throws when there is none.
 */
export function findMirror(files: readonly string[], suite: string): Mirror {
  for (const text of files) {
    for (const stanza of text.split(/\n\s*\n/)) {
      const field = (name: string) =>
        new RegExp(`^${name}:\\s*(.*)$`, 'mi').exec(stanza)?.[1]?.trim().split(/\s+/) ?? [];
      const uri = field('URIs')[0];
      if (uri && field('Types').includes('deb') && field('Suites').includes(suite)) return { uri, suite };
    }
    for (const line of text.split('\n')) {
      const [, uri, lineSuite] = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+.*\bmain\b/.exec(line) ?? [];
      if (uri && lineSuite === suite) return { uri, suite };
    }
  }
  throw new Error(`apt is not configured with Debian's ${suite}: no such entry in /etc/apt/sources.list.d`);
}

async function machineMirror(): Promise<Mirror> {
  const directory = '/etc/apt/sources.list.d';
  const names = (await readdir(directory)).map((name) => path.join(directory, name));
  const present = ['/etc/apt/sources.list', ...names].filter((name) => existsSync(name));
  const release = await readFile('/etc/os-release', 'utf8');
  const suite = /^VERSION_CODENAME=(\S+)$/m.exec(release)?.[1];
  if (!suite) throw new Error('this is no Debian machine: /etc/os-release names no VERSION_CODENAME');
  return findMirror(await Promise.all(present.map((name) => readFile(name, 'utf8'))), suite);
}

/** A Debian root with everything in {@link PACKAGES}; cached. Takes half a minute the first time. */
export async function debianRoot(cacheDir: string): Promise<string> {
  const mirror = await machineMirror();
  const entry = await cached(cacheDir, 'debian', [mirror.suite, ...PACKAGES], async (dir) => {
    if (!existsSync('/usr/bin/mmdebstrap')) {
      await run('apt-get', ['update']);
      await run('apt-get', ['install', '-y', '--no-install-recommends', 'mmdebstrap']);
    }
    const root = path.join(dir, 'root');
    await run('mmdebstrap', [
      '--variant=apt',
      `--include=${PACKAGES.join(',')}`,
      mirror.suite,
      root,
      `deb ${mirror.uri} ${mirror.suite} main`,
    ]);
  });
  return path.join(entry, 'root');
}

/** CRIU with the project's patches, compiled in the Debian root; cached. Takes half a minute the first time. */
export async function compiledCriu(cacheDir: string, root: string): Promise<string> {
  const patchDir = path.join(import.meta.dirname, 'patches');
  const names = (await readdir(patchDir)).filter((name) => name.endsWith('.patch')).sort();
  const patches = await Promise.all(names.map((name) => readFile(path.join(patchDir, name))));
  const entry = await cached(cacheDir, 'criu', [CRIU.sha256, root, SCRATCH, ...patches], async (dir) => {
    const archive = path.join(dir, 'criu.tar.xz');
    const { uri } = await machineMirror();
    const pool = `${uri.replace(/\/$/, '')}/pool/main/c/criu/criu_${CRIU.version}.orig.tar.xz`;
    await run('/usr/lib/apt/apt-helper', ['download-file', pool, archive, `SHA256:${CRIU.sha256}`]);
    const source = path.join(dir, 'source');
    await mkdir(source);
    await run('tar', ['--extract', '--file', archive, '--directory', source, '--strip-components=1']);
    for (const name of names) await run('patch', ['-p1', '--input', path.join(patchDir, name)], { cwd: source });
    await compile(root, source);
    await run('strip', ['-o', path.join(dir, 'criu'), path.join(source, 'criu/criu')]);
  });
  return path.join(entry, 'criu');
}

/** The folder of CRIU's own protobuf definitions, of the source that a program of {@link compiledCriu} was made from. */
export function criuDefinitions(criu: string): string {
  return path.join(path.dirname(criu), 'source/images');
}

async function compile(root: string, source: string): Promise<void> {
  // The archive lacks what a git checkout has: the build makes it from protobuf's own file.
  const google = path.join(source, 'images/google/protobuf');
  await mkdir(google, { recursive: true });
  await copyFile(
    path.join(root, 'usr/include/google/protobuf/descriptor.proto'),
    path.join(google, 'descriptor.proto'),
  );
  const command = [
    `make -j"$(nproc)" RUNDIR=${SCRATCH}`,
    `USERCFLAGS='-DCRIU_SCRATCH_DIR=\\"${SCRATCH}\\"' SOURCE_DATE_EPOCH=1 criu`,
  ].join(' ');
  await runInRoot(root, source, command);
}

/** Own mount namespace: the directory is seen in the root for this one command, and nothing has to be taken away. */
async function runInRoot(root: string, directory: string, command: string): Promise<void> {
  const script = 'mount --make-rprivate / && mount --bind "$1" "$2/mnt" && exec chroot "$2" sh -c "cd /mnt && $3"';
  await run('unshare', ['--mount', 'sh', '-c', script, 'sh', directory, root, command]);
}

const NATIVE = path.join(import.meta.dirname, '../native');
const GCC_FLAGS = ['-Os', '-s', '-Wall', '-Wextra', '-Werror'];

/** Compiles one static program from the files of `src/helper/native`. */
export async function compiledNative(sources: readonly string[], output: string): Promise<void> {
  const files = sources.map((name) => path.join(NATIVE, name));
  await run('gcc', ['-static', ...GCC_FLAGS, '-o', output, ...files]);
}

/** Compiles the one that needs libraries, with those of the Debian root. */
export async function compiledPacketRules(root: string, directory: string): Promise<string> {
  const name = 'packet-rules';
  await copyFile(path.join(NATIVE, `${name}.c`), path.join(directory, `${name}.c`));
  await runInRoot(root, directory, ['gcc', ...GCC_FLAGS, '-o', name, `${name}.c`, '-lnftables'].join(' '));
  return path.join(directory, name);
}

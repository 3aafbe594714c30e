import { readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { run } from './run.ts';
import type { LayerEntry } from './tar-writer.ts';

const LIBRARY_DIR = 'usr/lib/x86_64-linux-gnu';

/** A directory entry with the usual mode. */
export const directory = (at: string, mode = 0o755): LayerEntry => ({ kind: 'directory', path: at, mode });
/** A symbolic link. */
export const link = (at: string, target: string): LayerEntry => ({ kind: 'symlink', path: at, target, mode: 0o777 });
/** A file of this machine, executable. */
export async function program(at: string, from: string): Promise<LayerEntry> {
  return { kind: 'file', path: at, data: await readFile(from), mode: 0o755 };
}

/** Reads a path of the Debian root, links resolved within it (Debian's links are relative or stay in /etc/alternatives). */
async function inRoot(root: string, file: string): Promise<string> {
  const resolved = (await run('chroot', [root, 'readlink', '-f', file])).trim();
  return realpath(path.join(root, resolved));
}

/** The shared libraries that programs of the Debian root need: name of the library, file on this machine. */
async function librariesOf(root: string, programs: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const file of programs) {
    const list = await run('chroot', [root, '/lib64/ld-linux-x86-64.so.2', '--list', file]);
    for (const [, library] of list.matchAll(/(\/\S+)\s+\(0x/g)) {
      if (library && !library.includes('ld-linux')) found.set(path.basename(library), await inRoot(root, library));
    }
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Debian's part of the image: a handful of programs with their libraries, no shell, no package manager. */
export async function debianEntries(root: string): Promise<LayerEntry[]> {
  const programs = [
    '/usr/bin/ip',
    '/usr/bin/ss',
    '/usr/bin/tar',
    '/usr/bin/getfattr',
    '/usr/bin/nsenter',
    '/usr/bin/sync',
    '/usr/bin/cat',
  ];
  const entries = [
    ...['etc', 'dev', 'proc', 'sys', 'run', 'images', '.kubectl-migrate', 'opt'].map((name) => directory(name)),
    directory('tmp', 0o1777),
    ...['usr', 'usr/bin', 'usr/lib', LIBRARY_DIR, 'usr/lib64'].map((name) => directory(name)),
    ...['bin', 'sbin'].map((name) => link(name, 'usr/bin')),
    link('usr/sbin', 'bin'),
    link('lib', 'usr/lib'),
    link('lib64', 'usr/lib64'),
    link('.kubectl-migrate/engine', '/images'),
  ];
  for (const file of programs) {
    entries.push(await program(`usr/bin/${path.basename(file)}`, await inRoot(root, file)));
  }
  // What the Node binary and packet-rules are linked with beyond those programs' libraries.
  const needed = [
    ...['libstdc++.so.6', 'libgcc_s.so.1', 'libdl.so.2', 'libpthread.so.0', 'libm.so.6', 'libatomic.so.1'],
    'libnftables.so.1',
  ];
  const libraries = await librariesOf(root, [...programs, `/${LIBRARY_DIR}/libnftables.so.1`]);
  for (const name of needed) {
    const file = await inRoot(root, `/${LIBRARY_DIR}/${name}`).catch(() => undefined);
    if (file) libraries.set(name, file);
  }
  for (const [name, file] of libraries) entries.push(await program(`${LIBRARY_DIR}/${name}`, file));
  entries.push(await program('usr/lib64/ld-linux-x86-64.so.2', await inRoot(root, '/lib64/ld-linux-x86-64.so.2')));
  return entries;
}

/**
 * CRIU and the tar that it calls, with loader and libraries in one directory that can be carried into a container. They are
 * Debian's but for the paths by which they would load what lies there: see {@link selfContained}.
 */
export async function criuEntries(root: string, criu: string): Promise<LayerEntry[]> {
  const libraries = new Map([...(await librariesOf(root, ['/usr/bin/tar'])), ...(await librariesFor(root, criu))]);
  // No plugin is carried: the directory keeps CRIU from looking elsewhere.
  const entries = ['', '/lib', '/bin', '/plugins'].map((name) => directory(`opt/criu${name}`));
  const programs: [string, string][] = [
    ['criu', criu],
    ['tar', await inRoot(root, '/usr/bin/tar')],
    ['ld.so', await inRoot(root, '/lib64/ld-linux-x86-64.so.2')],
  ];
  for (const [name, file] of [...programs, ...[...libraries].map(([name, file]) => [`lib/${name}`, file] as const)])
    entries.push({
      kind: 'file',
      path: `opt/criu/${name}`,
      data: selfContained(name, await readFile(file)),
      mode: 0o755,
    });
  return entries;
}

/** A path of the same length as {@link LIBRARY_DIR}'s that is in no procfs, nor in what is mounted over it. */
const NOWHERE = '/proc/-'.padEnd(`/${LIBRARY_DIR}`.length, '-');
/** Directories that glibc's loader searches last. */
const SEARCHED_LAST = [`/lib/${path.basename(LIBRARY_DIR)}/`, `/${LIBRARY_DIR}/`, '/lib/', '/usr/lib/'];
/** Paths by which glibc's loader and library find what to load, and what they become: the loader insists on the slash. */
const TAKEN_OUT: Readonly<Record<string, readonly [string, string][]>> = {
  'ld.so': [
    ['/etc/ld.so.preload', ''],
    ['/etc/ld.so.cache', ''],
    [SEARCHED_LAST.join('\0'), SEARCHED_LAST.map((each) => '/'.padEnd(each.length, '\0')).join('\0')],
  ],
  'lib/libc.so.6': [['/etc/nsswitch.conf', '']],
};

/**
 * A program or library that loads nothing but what lies beside it, for it runs as root in the file systems of containers:
 * no list of libraries to preload, no cache, no directory of libraries, character sets or extensions. No option and no
 * variable switches all of that off. Throws when one of the paths is not there, for then it may be spelt otherwise. Pure.
 */
export function selfContained(name: string, program: Buffer): Buffer {
  const data = Buffer.from(program);
  for (const [text, by] of TAKEN_OUT[name] ?? []) {
    if (replaceAll(data, `${text}\0`, Buffer.from(by.padEnd(text.length + 1, '\0'))) === 0)
      throw new Error(`${name} does not have ${text.replaceAll('\0', ' ')}`);
  }
  replaceAll(data, `/${LIBRARY_DIR}`, Buffer.from(NOWHERE));
  return data;
}

/** Returns how many there were. */
function replaceAll(data: Buffer, text: string, by: Buffer): number {
  let count = 0;
  for (let at = data.indexOf(text); at >= 0; at = data.indexOf(text, at + by.length)) {
    by.copy(data, at);
    count += 1;
  }
  return count;
}

async function librariesFor(root: string, file: string): Promise<Map<string, string>> {
  const needed = await run('objdump', ['--private-headers', file]);
  const found = new Map<string, string>();
  const queue = [...needed.matchAll(/NEEDED\s+(\S+)/g)].map(([, name]) => name ?? '');
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (found.has(name) || name.startsWith('ld-linux')) continue;
    const library = await inRoot(root, `/${LIBRARY_DIR}/${name}`);
    found.set(name, library);
    for (const [inner, innerFile] of await librariesOf(root, [`/${LIBRARY_DIR}/${name}`])) found.set(inner, innerFile);
  }
  return found;
}

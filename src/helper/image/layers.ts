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

/** CRIU and the tar that it calls, with loader and libraries in one directory that can be carried into a container. */
export async function criuEntries(root: string, criu: string): Promise<LayerEntry[]> {
  const libraries = new Map([...(await librariesOf(root, ['/usr/bin/tar'])), ...(await librariesFor(root, criu))]);
  const entries = ['opt/criu', 'opt/criu/lib', 'opt/criu/bin'].map((name) => directory(name));
  entries.push(await program('opt/criu/criu', criu));
  entries.push(await program('opt/criu/tar', await inRoot(root, '/usr/bin/tar')));
  entries.push(await program('opt/criu/ld.so', await inRoot(root, '/lib64/ld-linux-x86-64.so.2')));
  for (const [name, file] of libraries) entries.push(await program(`opt/criu/lib/${name}`, file));
  return entries;
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

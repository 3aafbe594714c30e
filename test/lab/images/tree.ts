import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { loading } from '../program.ts';
import { run } from '../run.ts';

/** The folder that becomes an image's root. */
export class Tree {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Makes the folders that programs of a Linux distribution expect, and a table of users. */
  addBase(users: Readonly<Record<string, number>> = {}): void {
    for (const folder of ['dev', 'etc', 'proc', 'run', 'sys', 'usr/bin', 'usr/lib', 'usr/lib64'])
      this.#folder(folder, 0o755);
    this.#folder('tmp', 0o1777);
    for (const name of ['bin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, path.join(this.folder, name));
    symlinkSync('usr/bin', path.join(this.folder, 'sbin'));
    const lines = Object.entries({ root: 0, ...users, nobody: 65534 });
    this.addFile('etc/passwd', lines.map(([name, id]) => `${name}:x:${id}:${id}::/:/bin/sh\n`).join(''));
    this.addFile('etc/group', lines.map(([name, id]) => `${name}:x:${id}:\n`).join(''));
    this.addFile('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n');
  }

  /** Writes a file. */
  addFile(name: string, content: string | Uint8Array, mode = 0o644): void {
    const file = path.join(this.folder, name);
    this.#folder(path.dirname(name), 0o755);
    writeFileSync(file, content);
    chmodSync(file, mode);
  }

  /** Copies a program that needs no library. */
  addProgram(source: string, name: string): void {
    this.#folder(path.dirname(name), 0o755);
    copyFileSync(source, path.join(this.folder, name));
    chmodSync(path.join(this.folder, name), 0o755);
  }

  /**
   * Copies programs or libraries of a Debian root with all libraries that they load.
   * @param names their paths in the root, without leading slash; they keep them.
   * @throws when a library is not in the root.
   */
  async addWithLibraries(root: string, names: readonly string[]): Promise<void> {
    for (const name of names) {
      this.#copyFrom(root, name);
      await this.addLibrariesOf(root, path.join(root, name));
    }
  }

  /**
   * Copies the libraries of a Debian root that a program, of wherever, loads.
   * @throws when one of them is not in the root.
   */
  async addLibrariesOf(root: string, program: string): Promise<void> {
    const [loader = '', ...args] = loading(root, program);
    const said = await run(loader, ['--list', ...args]);
    for (const [, library = ''] of said.matchAll(/(?:=>\s+|^\s+)(\/\S+) \(0x/gm)) {
      if (/ld-linux/.test(library)) continue;
      if (!library.startsWith(`${root}/`)) throw new Error(`${program} loads ${library}, which is not in ${root}`);
      this.#copyFrom(root, path.relative(root, library));
    }
    this.addProgram(realpathSync(path.join(root, 'usr/lib64/ld-linux-x86-64.so.2')), 'usr/lib64/ld-linux-x86-64.so.2');
  }

  /** Adds busybox and the commands that people reach for in a container, `sh` among them. */
  addShell(root: string): void {
    this.addProgram(path.join(root, 'usr/bin/busybox'), 'usr/bin/busybox');
    const commands = [
      'cat',
      'df',
      'env',
      'id',
      'ls',
      'mkdir',
      'mount',
      'nc',
      'nslookup',
      'ps',
      'rm',
      'sh',
      'sleep',
      'stat',
    ];
    for (const command of [...commands, 'tail', 'test', 'touch', 'wget']) {
      symlinkSync('busybox', path.join(this.folder, 'usr/bin', command));
    }
  }

  /** Makes a folder in which every user may write. */
  addFolderForAll(name: string): void {
    this.#folder(name, 0o777);
  }

  /** Makes a folder that belongs to a user and a group of the same number. */
  addFolderOf(name: string, user: number, mode = 0o755): void {
    this.#folder(name, mode);
    chownSync(path.join(this.folder, name), user, user);
  }

  /** Makes a symbolic link. */
  addLink(name: string, target: string): void {
    symlinkSync(target, path.join(this.folder, name));
  }

  /** Copies a folder of a Debian root, links as links, without what the filter refuses. */
  addFolder(root: string, name: string, wanted: (file: string) => boolean = () => true): void {
    cpSync(path.join(root, name), path.join(this.folder, name), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => wanted(path.relative(path.join(root, name), source)),
    });
  }

  #copyFrom(root: string, name: string): void {
    // A root with merged folders keeps them merged: lib/x is usr/lib/x.
    const target = name.replace(/^(bin|sbin|lib|lib64)\//, 'usr/$1/').replace(/^usr\/sbin\//, 'usr/bin/');
    if (existsSync(path.join(this.folder, target))) return;
    this.addProgram(realpathSync(path.join(root, name)), target);
  }

  #folder(name: string, mode: number): void {
    const folder = path.join(this.folder, name);
    if (existsSync(folder)) return;
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, mode);
  }
}

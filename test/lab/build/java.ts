import { mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import type { Recipe } from '../cache.ts';
import { fromRoot } from '../program.ts';
import { run } from '../run.ts';
import { bootstrap, suites } from './debian.ts';

const home = 'usr/lib/jvm/java-25-openjdk-amd64';
const packages = ['openjdk-25-jdk-headless'];
const program = path.join(import.meta.dirname, '../images/programs/Counter.java');
/** Without symbols for debuggers, which are ten times the rest. */
const options = [
  '--exclude-files=**.debuginfo',
  '--strip-java-debug-attributes',
  '--no-header-files',
  '--no-man-pages',
];

/** A Java runtime as small as the lab's Java program needs it, and that program, compiled. */
export const java: Recipe = {
  name: 'java',
  inputs: { packages, suites, options, form: 1 },
  sources: [program],
  usual: '30 s',
  make: async (folder) => {
    const root = path.join(folder, 'root');
    mkdirSync(root);
    await bootstrap(root, 'extract', packages);
    pointIntoRoot(root, home);
    const tool = async (name: string, args: readonly string[]) => {
      const [command = '', ...words] = fromRoot(root, path.join(home, 'bin', name));
      await run(command, [...words, ...args]);
    };
    const modules = 'java.base,jdk.httpserver';
    await tool('jlink', ['--add-modules', modules, ...options, '--output', path.join(folder, 'java/runtime')]);
    await tool('javac', ['-d', path.join(folder, 'java/classes'), program]);
    rmSync(root, { recursive: true });
  },
};

/** Debian keeps Java's settings in /etc, which is elsewhere as long as the root is a folder. */
function pointIntoRoot(root: string, folder: string): void {
  for (const entry of readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) continue;
    const link = path.join(entry.parentPath, entry.name);
    const target = readlinkSync(link);
    if (!path.isAbsolute(target)) continue;
    rmSync(link);
    symlinkSync(path.join(root, target), link);
  }
}

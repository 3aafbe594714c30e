import path from 'node:path';
import { build, type Plugin, transform } from 'esbuild';
import { ROOT } from './targets.ts';

/** The program's pieces by name (`./main.js`): the text of a function with the parameters of a CommonJS module. */
export type Pieces = ReadonlyMap<string, string>;

const NODE = {
  platform: 'node',
  target: 'node22',
  keepNames: true,
  legalComments: 'none',
  logLevel: 'warning',
} as const;

/**
 * The whole program, cut where it imports when needed: what `--help` does not use is not even read. The texts depend on
 * the sources and on package-lock.json alone.
 */
export async function bundleProgram(plugins: Plugin[] = []): Promise<Pieces> {
  const { outputFiles } = await build({
    ...NODE,
    entryPoints: ['cmd/main.ts'],
    absWorkingDir: ROOT,
    outdir: path.join(ROOT, 'dist/pieces'),
    bundle: true,
    // Only this form can be cut.
    format: 'esm',
    splitting: true,
    minify: true,
    write: false,
    alias: { '@inquirer/editor': path.join(import.meta.dirname, 'without-editor.ts') },
    plugins,
  });
  const pieces = outputFiles.map(
    async (file): Promise<[string, string]> => [`./${path.basename(file.path)}`, await asFunction(file.text)],
  );
  return new Map(await Promise.all(pieces));
}

/** A module as the text of a function: what a single executable can run, as V8 compiles it without any loader. */
async function asFunction(module: string): Promise<string> {
  const { code } = await transform(module, {
    ...NODE,
    format: 'cjs',
    minifyWhitespace: true,
    supported: { 'dynamic-import': false },
    // V8 keeps a text of one byte a character in half the room, and reads its code cache faster.
    charset: 'ascii',
    // yargs reads its locales relative to import.meta.url, which CommonJS does not have.
    define: { 'import.meta.url': '__moduleUrl' },
    banner: "const __moduleUrl = require('node:url').pathToFileURL(__filename).href;",
  });
  return `(function (exports, require, module, __filename, __dirname) {${code}\n})`;
}

/** The few lines that a binary begins with, as a CommonJS script. */
export async function bundleLoader(): Promise<string> {
  const entryPoints = [path.join(import.meta.dirname, 'loader.ts')];
  const result = await build({ ...NODE, entryPoints, bundle: true, minify: true, format: 'cjs', write: false });
  const [output] = result.outputFiles;
  if (!output) throw new Error('esbuild made nothing of the loader');
  return output.text;
}

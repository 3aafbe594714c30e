import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { Script } from 'node:vm';

/** The piece that a start begins with: the bundle of cmd/main.ts. */
export const ENTRY = './main.js';

/** A piece of the program as it is at hand: its text, and V8's code cache of it where there is one. */
export interface Piece {
  readonly text: string;
  readonly cachedData?: Buffer;
}

/** Compiles pieces when they are asked for, each once. */
export class Compiler {
  readonly scripts = new Map<string, Script>();
  private readonly read: (name: string) => Piece;

  constructor(read: (name: string) => Piece) {
    this.read = read;
  }

  compile(name: string): Script {
    const known = this.scripts.get(name);
    if (known) return known;
    const { text, cachedData } = this.read(name);
    // V8 refuses a cache of another build without a word, and compiles.
    const script = new Script(text, { filename: name, ...(cachedData && { cachedData }) });
    this.scripts.set(name, script);
    return script;
  }
}

/** Runs the program: a `require` that knows its pieces, and Node's own modules besides. */
export function start(compiler: Compiler): void {
  const file = process.execPath;
  const modules = new Map<string, { exports: unknown }>();
  const node = createRequire(file);
  const load = (name: string): unknown => {
    if (!name.startsWith('./')) return node(name);
    const known = modules.get(name);
    if (known) return known.exports;
    const module = { exports: {} };
    modules.set(name, module);
    const run: (...parameters: unknown[]) => void = compiler.compile(name).runInThisContext();
    run(module.exports, load, module, file, path.dirname(file));
    return module.exports;
  };
  load(ENTRY);
}

// Runs the program's usual command lines and writes V8's code cache, of all that was compiled for them, beside each of
// its pieces. Usage: node FLAGS warm-up.ts FOLDER COMMAND-LINES-AS-JSON
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { Compiler, start } from './pieces.ts';

const [folder = '', lines = '[]'] = process.argv.slice(2);
const commandLines: string[][] = JSON.parse(lines);
const compiler = new Compiler((name) => ({ text: readFileSync(path.join(folder, name), 'latin1') }));

/** A cache carries a digest of V8's flags: what was set for this process is put back to what it is in a user's. */
const DEFAULTS = [
  '--hash-seed=0',
  '--flush-bytecode',
  '--min-semi-space-size=0',
  '--max-semi-space-size=0',
  '--initial-heap-size=0',
  '--memory-reducer',
  '--incremental-marking',
];

/** One more run of the whole program in this process; functions that it compiles stay with the scripts. */
function next(): void {
  process.argv = [process.execPath, process.execPath, ...(commandLines.shift() ?? [])];
  start(compiler);
}

// The program does not say when it has ended; the event loop does, by running dry. It is asked again only after an act
// of its own, which a run that waits for nothing has not got.
process.on('beforeExit', () => {
  if (commandLines.length > 0) setImmediate(next);
});
process.on('exit', () => {
  for (const flag of DEFAULTS) setFlagsFromString(flag);
  for (const [name, script] of compiler.scripts) {
    writeFileSync(path.join(folder, `${name}.cache`), script.createCachedData());
  }
  process.exitCode = commandLines.length;
});
next();

// How long the program takes to start, beside kubectl in the same run: the commands take turns, medians are compared.
// Usage: npm run bench:start [-- --runs N]
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { buildProgram } from '../../krew/build.ts';
import { columns } from '../../src/ui/table.ts';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '20' } } });
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) {
  process.stderr.write('usage: npm run bench:start [-- --runs N]\n');
  process.exit(2);
}
const program = await buildProgram();

/** What is run, and how many times kubectl's own start it may take. */
const COMMANDS: readonly { readonly words: readonly string[]; readonly atMost?: number }[] = [
  { words: ['kubectl', 'version', '--client'] },
  { words: [program, '--help'], atMost: 2 },
  { words: [program, 'pod', '--help'], atMost: 2 },
  { words: [program, '__complete', ''], atMost: 4 },
  { words: [program, '__complete', 'pod', '--context', ''], atMost: 4 },
  { words: [process.execPath, '--eval', '0'] },
];

function once(words: readonly string[]): number {
  const [command = '', ...args] = words;
  const began = performance.now();
  const { status, error, stderr } = spawnSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ms = performance.now() - began;
  if (status !== 0) throw new Error(`${words.join(' ')} ended with ${status}: ${error?.message ?? stderr.toString()}`);
  return ms;
}

const times = COMMANDS.map((): number[] => []);
// The first round is for the disk and is not counted.
for (let round = 0; round <= runs; round++) {
  for (const [index, { words }] of COMMANDS.entries()) {
    const ms = once(words);
    if (round > 0) times[index]?.push(ms);
  }
}
const medians = times.map((each) => each.toSorted((a, b) => a - b)[Math.floor((runs - 1) / 2)] ?? Number.NaN);
const [kubectl = Number.NaN] = medians;
const rows = COMMANDS.map(({ words, atMost }, index) => {
  const median = medians[index] ?? Number.NaN;
  const shown = words.map((word) => (word === '' ? "''" : word.split('/').at(-1))).join(' ');
  return [shown, median.toFixed(0), (median / kubectl).toFixed(2), atMost === undefined ? '' : String(atMost)];
});
process.stdout.write(columns(rows, ['COMMAND', 'MS', 'TIMES KUBECTL', 'AT MOST']));
process.exitCode = COMMANDS.every(({ atMost }, index) => (medians[index] ?? 0) / kubectl <= (atMost ?? Infinity))
  ? 0
  : 1;

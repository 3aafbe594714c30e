// How long the program takes to start, beside kubectl in the same run: the commands take turns, medians are compared.
// Usage: npm run bench:start [-- --runs N]
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { buildProgram } from '../../krew/build.ts';
import { columns } from '../../src/ui/table.ts';
import { current } from '../lab/index.ts';
import { TerminalSession } from '../support/terminal.ts';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '20' } } });
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) {
  process.stderr.write('usage: npm run bench:start [-- --runs N]\n');
  process.exit(2);
}
const program = await buildProgram();

const lab = current();
if (!lab) process.stderr.write('no lab is running (npm run lab -- up): what asks a cluster is left out\n');
const env = { ...process.env, ...(lab && { KUBECONFIG: lab.kubeconfig, KUBECTL_MIGRATE_HELPER_IMAGE: 'none' }) };

interface Measured {
  readonly words: readonly string[];
  /** How many times kubectl's own start it may take. */
  readonly times?: number;
  /** How long it may take, in ms. */
  readonly ms?: number;
  /** What is on the terminal when it counts as started; without it the end of the program counts. */
  readonly shows?: RegExp;
}

const PODS = [program, '__complete', 'pod', '--context', 'east', '-n', 'kubectl-migrate', ''];
const ON_LAB: readonly Measured[] = [
  { words: PODS, times: 4 },
  { words: [program, '__complete', 'pod', 'x', '--to-context', 'west', '--to-node', ''], times: 4 },
  { words: [program], shows: /\? Source context[\s\S]*› east/, ms: 400 },
];
const COMMANDS: readonly Measured[] = [
  { words: ['kubectl', 'version', '--client'] },
  { words: [program, '--help'], times: 2 },
  { words: [program, 'pod', '--help'], times: 2 },
  { words: [program, '__complete', ''], times: 4 },
  { words: [program, '__complete', 'pod', '--context', ''], times: 4 },
  ...(lab ? ON_LAB : []),
  { words: [process.execPath, '--eval', '0'] },
];

async function once({ words, shows }: Measured): Promise<number> {
  const [command = '', ...args] = words;
  const began = performance.now();
  if (shows) {
    const at = new TerminalSession(args, { program: [command], env: env as Record<string, string> });
    await at.shows(shows);
    const ms = performance.now() - began;
    await at.end();
    return ms;
  }
  const { status, error, stderr } = spawnSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  const ms = performance.now() - began;
  if (status !== 0) throw new Error(`${words.join(' ')} ended with ${status}: ${error?.message ?? stderr.toString()}`);
  return ms;
}

const times = COMMANDS.map((): number[] => []);
// The first round is for the disk and is not counted.
for (let round = 0; round <= runs; round++) {
  for (const [index, measured] of COMMANDS.entries()) {
    const ms = await once(measured);
    if (round > 0) times[index]?.push(ms);
  }
}
const medians = times.map((each) => each.toSorted((a, b) => a - b)[Math.floor((runs - 1) / 2)] ?? Number.NaN);
const [kubectl = Number.NaN] = medians;
const results = COMMANDS.map((measured, index) => {
  const median = medians[index] ?? Number.NaN;
  const { times: most = Infinity, ms = Infinity } = measured;
  return {
    ...measured,
    median,
    times: median / kubectl,
    atMost: measured.times,
    kept: median <= ms && median / kubectl <= most,
  };
});
const rows = results.map(({ words, shows, median, times, atMost, ms }) => {
  const shown = words.map((word) => (word === '' ? "''" : word.split('/').at(-1))).join(' ');
  const bar = ms === undefined ? (atMost === undefined ? '' : `${atMost} times`) : `${ms} ms`;
  return [shows ? `${shown}, first question` : shown, median.toFixed(0), times.toFixed(2), bar];
});
process.stdout.write(columns(rows, ['COMMAND', 'MS', 'TIMES KUBECTL', 'AT MOST']));
process.exitCode = results.every(({ kept }) => kept) ? 0 : 1;

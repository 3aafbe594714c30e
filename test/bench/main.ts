// Moves against CRIU's own time and against a cold move of the same pod, all in one run on the lab.
// Usage: npm run bench [-- --moves N] [-- -o json]
import process from 'node:process';
import { parseArgs } from 'node:util';
import { buildProgram } from '../../krew/build.ts';
import { columns } from '../../src/ui/table.ts';
import { type Lab, renewImages, up } from '../lab/index.ts';
import { Kubectl } from '../support/kubectl.ts';
import { coldMove, type Measured, move, prepare, WORKLOADS, type Workload } from './measure.ts';
import { moveOrdinal, ORDINAL_BAR_MS } from './ordinal.ts';

const { values } = parseArgs({
  options: { moves: { type: 'string', default: '20' }, output: { type: 'string', short: 'o' } },
});
const moves = Number(values.moves);
if (!Number.isInteger(moves) || moves < 1 || (values.output !== undefined && values.output !== 'json')) {
  process.stderr.write('usage: npm run bench [-- --moves N] [-- -o json]\n');
  process.exit(2);
}

/** Minimum, median and maximum, in ms. */
interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

function spread(samples: readonly number[]): Spread {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (index: number) => Math.round((sorted[index] ?? Number.NaN) * 10) / 10;
  return { min: at(0), median: at(Math.floor((sorted.length - 1) / 2)), max: at(sorted.length - 1) };
}

async function bench(workload: Workload, lab: Lab, kubectl: Kubectl, program: string) {
  const bench = { lab, kubectl, program, workload };
  const runs: Measured[] = [];
  const cold: number[] = [];
  await prepare(bench);
  for (let n = 0; n < moves; n++) {
    runs.push(await move(bench, n));
    process.stderr.write(
      `${workload.name}: move ${n + 1} of ${moves}, down ${Math.round(runs.at(-1)?.downMs ?? 0)} ms\n`,
    );
  }
  for (let n = 0; n < Math.min(moves, 5); n++) {
    cold.push(await coldMove(bench, moves + n));
    process.stderr.write(`${workload.name}: cold move ${n + 1}, down ${Math.round(cold.at(-1) ?? 0)} ms\n`);
  }
  const phases = Object.keys(runs[0]?.phases ?? {});
  return {
    workload: workload.name,
    moves: runs.length,
    downMs: spread(runs.map((run) => run.downMs)),
    criuMs: spread(runs.map((run) => run.criuMs)),
    criuStatsMs: spread(runs.map((run) => run.criuStatsMs)),
    coldDownMs: spread(cold),
    phasesMs: Object.fromEntries(phases.map((phase) => [phase, spread(runs.map((run) => run.phases[phase] ?? 0))])),
    timesCriu:
      Math.round((spread(runs.map((run) => run.downMs)).median / spread(runs.map((run) => run.criuMs)).median) * 100) /
      100,
  };
}

await up();
const lab = await renewImages();
const kubectl = new Kubectl(lab);
const program = await buildProgram();
const results = [];
for (const workload of WORKLOADS) results.push(await bench(workload, lab, kubectl, program));
const report = (line: string) => process.stderr.write(line);
const ordinal = await moveOrdinal({ lab, kubectl, program }, moves, report);
const ordinalMs = {
  downMs: spread(ordinal.map(({ downMs }) => downMs)),
  routedMs: spread(ordinal.map(({ routedMs }) => routedMs)),
};

if (values.output === 'json') {
  process.stdout.write(`${JSON.stringify({ schema: 1, results, ordinal: ordinalMs }, null, 2)}\n`);
} else {
  for (const result of results) {
    const row = (name: string, { min, median, max }: Spread) => [name, min, median, max].map(String);
    const rows = [
      row('down, as a client sees it', result.downMs),
      row('CRIU alone, dump and restore', result.criuMs),
      row('  by its own statistics', result.criuStatsMs),
      row('down, cold move', result.coldDownMs),
      ...Object.entries(result.phasesMs).map(([phase, times]) => row(`  ${phase}`, times)),
    ];
    process.stdout.write(
      `\n${result.workload}, ${result.moves} moves, ms\n${columns(rows, ['', 'MIN', 'MEDIAN', 'MAX'])}`,
    );
    process.stdout.write(`median down is ${result.timesCriu} times CRIU’s own time\n`);
  }
  const rows = Object.entries(ordinalMs).map(([name, { min, median, max }]) => [
    name === 'downMs' ? 'down, as a client sees it' : '  freeze to routed',
    ...[min, median, max].map(String),
  ]);
  process.stdout.write(
    `\nStatefulSet pod from node to node, ${moves} moves, ms\n${columns(rows, ['', 'MIN', 'MEDIAN', 'MAX'])}`,
  );
}
const good =
  results.every((result) => result.timesCriu <= 3 && result.downMs.median < result.coldDownMs.median) &&
  ordinalMs.downMs.median <= ORDINAL_BAR_MS;
process.exitCode = good ? 0 : 1;

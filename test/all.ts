// Everything that has to hold, in one run: static checks and fast tests, while a lab of this code's own making starts,
// then scenarios on it.
// Usage: all.ts [--only static|unit|e2e|faults|runtimes|release]; the last three take long and are left out unless asked for
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { buildProgram } from '../krew/build.ts';
import type { UpOptions } from './lab/options.ts';

const root = path.resolve(import.meta.dirname, '..');
const bin = path.join(root, 'node_modules/.bin');
const scratch = mkdtempSync(path.join(tmpdir(), 'kubectl-migrate-test-'));
const counts = { passed: 0, failed: 0, skipped: 0 };

function say(text: string): void {
  process.stderr.write(`\n== ${text}\n`);
}

function run(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...env },
    });
    child.on('error', (error) => {
      process.stderr.write(`${command}: ${error.message}\n`);
      resolve(127);
    });
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

async function check(name: string, command: string, args: readonly string[]): Promise<void> {
  say(name);
  const code = await run(command, args);
  if (code === 0) counts.passed++;
  else counts.failed++;
}

async function staticChecks(): Promise<void> {
  await check('format and lint', path.join(bin, 'biome'), ['check', '.']);
  await check('types', path.join(bin, 'tsc'), ['-p', '.']);
  await check('unused files, exports and packages', path.join(bin, 'knip'), []);
}

/** Runs one vitest project and adds its counts; a run without a report counts as one failure. */
async function vitest(project: string, env: Record<string, string> = {}, files: readonly string[] = []): Promise<void> {
  const report = path.join(scratch, `${project}.json`);
  const args = ['run', '--config', 'test/vitest.config.ts', '--project', project, ...files];
  const reporters = ['default', 'json', './test/support/scenario-results.ts'].map((name) => `--reporter=${name}`);
  const code = await run(path.join(bin, 'vitest'), [...args, ...reporters, `--outputFile.json=${report}`], env);
  let failed = 0;
  try {
    const result = JSON.parse(readFileSync(report, 'utf8')) as Record<string, number>;
    counts.passed += result['numPassedTests'] ?? 0;
    counts.skipped += (result['numPendingTests'] ?? 0) + (result['numTodoTests'] ?? 0);
    failed = result['numFailedTests'] ?? 0;
  } catch (error) {
    process.stderr.write(`no report of ${project}: ${String(error)}\n`);
  }
  // A file that cannot be loaded fails the run without failing a test.
  counts.failed += code === 0 ? failed : Math.max(1, failed);
}

/** A kind of lab, and what runs on it, one after the other. */
interface LabRun {
  readonly options: UpOptions;
  readonly projects: readonly { readonly name: string; readonly files?: string[]; readonly usually: string }[];
}

const ALL_SCENARIOS: readonly LabRun[] = [
  {
    options: {},
    projects: [
      { name: 'lab', usually: '8 min' },
      { name: 'faults', usually: '1 min' },
    ],
  },
  { options: { isolated: true }, projects: [{ name: 'isolated', usually: '20 s' }] },
];

/** What `FAULTS=full` makes long. */
const ALL_FAULTS: readonly LabRun[] = [
  {
    options: {},
    projects: [
      { name: 'faults', usually: '35 min' },
      { name: 'lab', files: ['test/e2e/crash.test.ts'], usually: '15 min' },
    ],
  },
];

/** Every program with every engine, then nodes with other container runtimes, which are compiled first. */
const ALL_RUNTIMES: readonly LabRun[] = [
  { options: {}, projects: [{ name: 'runtimes', files: ['test/e2e/runtimes/programs.test.ts'], usually: '3 min' }] },
  ...(['containerd-2.4', 'crio'] as const).map((runtime) => ({
    options: { fresh: true, runtimes: { 'west-2': runtime } },
    projects: [{ name: 'runtimes', files: [`test/e2e/runtimes/${runtime}.test.ts`], usually: '2 min' }],
  })),
];

/** What every scenario needs, by the names that scenarios know it by. */
type Ground = Record<'KUBECTL_MIGRATE_LAB_KUBECONFIG' | 'KUBECTL_MIGRATE_PROGRAM', string>;

/** A lab of this code's own making, and the program. Says how far it is in lines of its own, since others run meanwhile. */
async function ground(): Promise<Ground> {
  say('lab of this code’s own making, and the program (40 s; cold 13 min)');
  const { up } = await import('./lab/index.ts');
  const lab = await up({ fresh: true }, (line) => process.stderr.write(`lab: ${line}\n`));
  return { KUBECTL_MIGRATE_LAB_KUBECONFIG: lab.kubeconfig, KUBECTL_MIGRATE_PROGRAM: await buildProgram() };
}

/** Runs the scenarios on the lab, which is down afterwards; throws when there is none. */
async function scenarios(labs: readonly LabRun[], made: Promise<Ground>): Promise<void> {
  const env = await made;
  const { down, up } = await import('./lab/index.ts');
  for (const { options, projects } of labs) {
    await up(options);
    for (const { name, files, usually } of projects) {
      say(`scenarios: ${[name, ...Object.keys(options)].join(', ')} (usually ${usually})`);
      await vitest(name, env, files);
    }
  }
  await down();
}

const only = process.argv[2] === '--only' ? process.argv[3] : undefined;
if (process.argv.length > 2 && !['static', 'unit', 'e2e', 'faults', 'runtimes', 'release'].includes(only ?? '')) {
  process.stderr.write('usage: all.ts [--only static|unit|e2e|faults|runtimes|release]\n');
  process.exit(2);
}
const ON_LAB: Readonly<Record<string, readonly LabRun[]>> = {
  e2e: ALL_SCENARIOS,
  faults: ALL_FAULTS,
  runtimes: ALL_RUNTIMES,
};
const onLab = ON_LAB[only ?? 'e2e'];
try {
  const made = onLab && ground();
  // Whoever awaits it is told; until then it is nobody's.
  made?.catch(() => undefined);
  if (only === undefined || only === 'static') await staticChecks();
  if (only === undefined || only === 'unit') {
    say('unit, CLI and contract tests');
    await vitest('fast');
  }
  if (only === 'faults') {
    say('the plugin dies after every act and every write (usually 12 min)');
    await vitest('fast', {}, ['test/faults']);
  }
  if (onLab && made) await scenarios(onLab, made);
  if (only === 'release') {
    say('a release for every platform (2 min)');
    await vitest('release');
  }
} catch (error) {
  counts.failed++;
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
process.exit(counts.failed === 0 ? 0 : 1);

import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../cmd/commands/index.ts';
import { flagsOfCommand } from '../../cmd/introspect.ts';
import { COMMAND } from '../../src/domain/names.ts';
import { demoLine } from '../demo/line.ts';
import { PAGES } from '../docs/pages.ts';
import { isScenario, keptFile, readResults, takeIn } from '../docs/results.ts';
import { lasting, transcriptsOf } from '../docs/transcripts.ts';

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

/** The page whose commands test/e2e/terminal.test.ts types. */
const TYPED = 'docs/getting-started.md';

function pages(): string[] {
  return globSync(['README.md', 'docs/*.md'], { cwd: root })
    .filter((file) => !file.endsWith('reference.md'))
    .toSorted();
}

/** Words of a command line that are no command and no flag of it. */
function unknownIn(line: string): string[] {
  const words = line
    .replace(/^\$ /, '')
    .replace(/\s+(#|>|\|).*$/, '')
    .split(/\s+/)
    .slice(2);
  const [first = '', second = ''] = words;
  if (first === '' || first.startsWith('-')) return [];
  const command = COMMANDS.find(({ under, usage, aliases = [] }) => {
    const names = [usage.split(' ')[0], ...aliases];
    return under === undefined
      ? names.includes(first) || /^(pods?|po)\//.test(first)
      : under === first && names.includes(second);
  });
  if (!command) return [line];
  const known = [...flagsOfCommand(command).flatMap(({ name, aliases }) => [name, ...aliases]), 'help'];
  const flags = words
    .filter((word) => /^--?[a-zA-Z]/.test(word))
    .map((word) => word.replace(/^-+/, '').replace(/=.*$/, ''));
  return flags.filter((flag) => !known.includes(flag)).map((flag) => `--${flag}`);
}

describe('the documentation', () => {
  it.each(Object.entries(PAGES))('has %s as the program has it', (name, page) => {
    expect(read(`docs/${name}`), 'npm run docs').toBe(page());
  });

  it('shows no output but transcripts that are typed on the lab, and that of the demo', () => {
    const blocks = pages().flatMap((file) =>
      [...read(file).matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, kind = '', text = '']) => ({
        file,
        kind,
        text,
      })),
    );
    const shown = blocks.filter(({ kind }) => kind !== 'sh' && kind !== 'console');
    expect(shown.map(({ file, kind }) => [file, kind])).toEqual([['README.md', 'text']]);
    const typed = blocks.filter(({ kind }) => kind === 'console');
    expect([...new Set(typed.map(({ file }) => file))]).toEqual([TYPED]);
    expect(transcriptsOf(read(TYPED))).toHaveLength(typed.length);
    const [fact = '', account = ''] = shown[0]?.text.split('\n') ?? [];
    const places = { from: { context: 'east', node: 'east-2' }, to: { context: 'west', node: 'west-1' } };
    expect(lasting(account)).toBe(lasting(demoLine({ ...places, longestGapMs: 1, acknowledged: 1, lost: 1 })));
    expect(lasting(read(TYPED)).split('\n')).toContain(lasting(fact));
  });

  it('says of every scenario that shows what moves how it went, and of no other', () => {
    const { scenarios } = readResults(keptFile);
    expect(scenarios.filter(({ passed }) => !passed)).toEqual([]);
    expect(scenarios.filter(({ scenario }) => !isScenario(scenario))).toEqual([]);
    const files = globSync('test/e2e/**/*.test.ts', { cwd: root });
    const declared = files.map((file) => [file, read(file).match(/(?<![.\w])shows\(/g)?.length ?? 0] as const);
    const kept = files.map((file) => [
      file,
      scenarios.filter(({ scenario }) => scenario.startsWith(`${file} > `)).length,
    ]);
    expect(kept, 'run the scenarios, then npm run docs').toEqual(declared);
  });

  it('keeps what an older run has shown, unless that was on other versions or the scenario is gone', () => {
    const ran = (names: readonly string[], passed: boolean, versions = ['1']) => ({
      on: '2026-01-01',
      versions,
      scenarios: names.map((scenario) => ({ scenario, passed, shows: [] })),
    });
    const names = (results: ReturnType<typeof takeIn>) => results.scenarios.map((each) => [each.scenario, each.passed]);
    const kept = ran(['a', 'b', 'gone'], true);
    const exists = (name: string) => name !== 'gone';
    expect(names(takeIn(kept, ran(['b', 'c'], false), exists))).toEqual([
      ['a', true],
      ['b', false],
      ['c', false],
    ]);
    expect(names(takeIn(kept, ran([], true, []), exists))).toEqual([
      ['a', true],
      ['b', true],
    ]);
    expect(names(takeIn(kept, ran(['c'], true, ['2']), exists))).toEqual([['c', true]]);
  });

  it('types nothing that is no command or flag', () => {
    const lines = [
      ...pages().flatMap((file) =>
        [...read(file).matchAll(/^(?:\$ )?kubectl migrate\b.*$/gm)].map(([line]) => ({ where: file, line })),
      ),
      ...COMMANDS.flatMap((command) =>
        command.examples.map(([line]) => ({ where: `help of ${command.usage}`, line: line.replace('$0', COMMAND) })),
      ),
    ];
    expect(lines.length).toBeGreaterThan(40);
    expect(lines.flatMap(({ where, line }) => unknownIn(line).map((word) => `${where}: ${word}`))).toEqual([]);
  });

  it('links to nothing that is not there', () => {
    const files = globSync(['README.md', 'docs/**/*.md'], { cwd: root });
    const missing = files.flatMap((file) =>
      [...read(file).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)]
        .map(([, to = '']) => path.join(path.dirname(file), to))
        .filter((to) => globSync(to, { cwd: root }).length === 0)
        .map((to) => `${file}: ${to}`),
    );
    expect(missing).toEqual([]);
  });
});

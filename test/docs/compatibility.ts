import { FINDINGS, type FindingCode } from '../../src/domain/finding.ts';
import { EXPLANATIONS } from '../../src/report/explanations.ts';
import type { Shown } from '../support/compatibility.ts';
import { cell, code, GENERATED, table } from './markdown.ts';
import type { Results } from './results.ts';

type Seen = Shown & { readonly passed: boolean; readonly scenario: string };

/** The page that says what moves and what is declined, from what scenarios have shown. Pure. */
export function compatibilityPage({ on, versions, scenarios }: Results): string {
  const seen = scenarios.flatMap(({ scenario, passed, shows }) => shows.map((each) => ({ ...each, passed, scenario })));
  const of = (kind: Shown['kind']) => seen.filter((each) => each.kind === kind);
  return [
    GENERATED,
    '# Compatibility',
    `What moves, what is declined and why, as scenarios of ${code('npm test')} and ${code('npm run test:runtimes')} have shown it on two real
clusters, the last of them on ${on}, with ${versions.join(', ')}. A dash: no scenario tries it.`,
    '## Whose pod it is',
    grid(of('owner'), [
      ['to another cluster', ({ to }) => to === 'cluster'],
      ['to another node', ({ to }) => to === 'node'],
    ]),
    '## Programs',
    byEngine(of('program')),
    '## What a process may hold',
    byEngine(of('holds')),
    '## What a pod may have',
    byEngine(of('pod')),
    '## What is declined, by code',
    `Told before anything is changed, with the field to change. The scenarios above meet some of these on the lab; the
others are tested without a cluster. ${code('kubectl migrate explain CODE')} prints the same.`,
    table(
      ['code', 'what', 'why'],
      declined().map((name) => [name, FINDINGS[name], cell(EXPLANATIONS[name])]),
    ),
    '## How this page is made',
    `A scenario says what it shows (${code('test/support/compatibility.ts')}). A run of scenarios notes in
${code('dist/scenarios.json')} which of them passed; ${code('npm run docs')} takes that over into
[compatibility.json](compatibility.json) and writes this page. A fast test fails when the two differ, when a scenario
that shows something has no result there, or when one of them did not pass.`,
  ].join('\n\n');
}

/** Codes about the pod and the place where it goes; those below E106 say that something does not exist or run. */
function declined(): FindingCode[] {
  return (Object.keys(FINDINGS) as FindingCode[]).filter((name) => name >= 'E106' && name.startsWith('E'));
}

const byEngine = (rows: readonly Seen[]) =>
  grid(rows, [
    ['helper engine', ({ engine }) => engine === 'helper'],
    ['kubelet engine', ({ engine }) => engine === 'kubelet'],
  ]);

type Column = readonly [title: string, holds: (row: Seen) => boolean];

function grid(rows: readonly Seen[], columns: readonly Column[]): string {
  const names = [...new Set(rows.map(({ what }) => what))].toSorted((one, other) => one.localeCompare(other));
  const lines = names.map((what) => [
    cell(what),
    ...columns.map(([, isHere]) => verdict(rows.filter((row) => row.what === what && isHere(row)))),
  ]);
  return table(['', ...columns.map(([title]) => title)], lines);
}

function verdict(rows: readonly Seen[]): string {
  if (rows.length === 0) return '–';
  const one = rows.find(({ passed }) => !passed) ?? rows[0];
  if (!one?.passed) return 'failed in the last run';
  return one.declined === undefined ? 'moves' : `declined: ${one.declined} ${FINDINGS[one.declined]}`;
}

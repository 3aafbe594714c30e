import type { Json } from '../domain/json.ts';
import { PHASES } from '../domain/phase.ts';
import { describeRecord } from './record-summary.ts';
import type { JournalLike } from './record-view.ts';
import { type TimelineStep, timeline } from './timeline.ts';

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --done: #2e7d32; --failed: #c62828; --back: #757575; --open: #ef6c00; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
td:first-child { white-space: nowrap } h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere }
th { font-weight: 600; white-space: nowrap; overflow-wrap: normal } code, td.mono { font-family: ui-monospace, monospace; font-size: .85em; overflow-wrap: anywhere }
.bar { position: relative; height: 1rem; background: var(--line); border-radius: 3px; min-width: 16rem }
.bar span { position: absolute; top: 0; bottom: 0; border-radius: 3px; min-width: 2px }
.done { background: var(--done) } .failed { background: var(--failed) } .taken-back { background: var(--back) } .not-finished { background: var(--open) }
.facts td:first-child { width: 14rem }
@media print { body { margin: 0; max-width: none } }
`;

/** Of one value of a step's result, in characters. */
const LONGEST_TEXT = 100;

/** What a page says at its top. */
export interface ReportFacts {
  readonly downMs: number | undefined;
  readonly forecastDownMs: number | undefined;
  readonly totalMs: number;
  readonly bytes: number | undefined;
}

/**
 * One self-contained page for a change record: what was moved, when, by whom, how long it took against its forecast, every
 * step on the clock, every change of the plan, what was checked. Nothing is loaded from elsewhere. Pure.
 */
export function htmlReport(record: JournalLike, facts: ReportFacts): string {
  const { namespace, pod, from, to } = describeRecord(record);
  const title = `${record.id}: ${namespace}/${pod}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title><style>${STYLE}</style></head><body>
<h1>${escaped(pod)} from ${escaped(from)} to ${escaped(to)}</h1>
<p>Migration <code>${escaped(record.id)}</code>, ${escaped(stateText(record.state))}.</p>
<h2>Facts</h2>${table('facts', undefined, factRows(record, facts, namespace))}
<h2>Timeline</h2>${timelineTable(timeline(record))}
<h2>Sizes and checks</h2>${table('', ['Step', 'Result'], checkRows(record))}
<h2>Changes that the plan declared</h2>${table('', ['Phase', 'Verb', 'Object', 'Cluster', 'What'], effectRows(record.plan))}
<h2>Warnings of the plan</h2>${warnings(record.plan)}
<p><small>Made from the record of the migration; digest of its plan: <code>${escaped(record.planDigest)}</code>. Times are those of the machine that ran it.</small></p>
</body></html>
`;
}

function factRows(record: JournalLike, facts: ReportFacts, namespace: string): string[][] {
  const seconds = (ms: number | undefined) => (ms === undefined ? 'not known' : `${(ms / 1000).toFixed(2)} s`);
  return [
    ['Namespace', namespace],
    ['Began', record.createdAt],
    ['Ended', record.entries.at(-1)?.time ?? 'not begun'],
    ['Nobody served for', `${seconds(facts.downMs)} (forecast ${seconds(facts.forecastDownMs)})`],
    ['In all', seconds(facts.totalMs)],
    ['Bytes in the freeze', facts.bytes === undefined ? 'not known' : facts.bytes.toLocaleString('en')],
    ['Carried out by', `${record.user || 'unknown'} on ${record.host}`],
    ['Program', `kubectl-migrate ${record.version}`],
  ];
}

function timelineTable(steps: readonly TimelineStep[]): string {
  const end = Math.max(1, ...steps.map(({ toMs }) => toMs));
  const rows = steps.map(({ step, fromMs, toMs, outcome }) => {
    const left = ((fromMs / end) * 100).toFixed(2);
    const width = (((toMs - fromMs) / end) * 100).toFixed(2);
    const bar = `<div class="bar"><span class="${outcome.replace(' ', '-')}" style="left:${left}%;width:${width}%"></span></div>`;
    const times = `${(fromMs / 1000).toFixed(2)} s`;
    return `<tr><th>${escaped(step)}</th><td>${bar}</td><td>${times}</td><td>${((toMs - fromMs) / 1000).toFixed(2)} s</td><td>${escaped(outcome)}</td></tr>`;
  });
  return `<table><tr><th>Step</th><th></th><th>Begins</th><th>Takes</th><th>Outcome</th></tr>${rows.join('')}</table>`;
}

/** What each step has told of itself; steps that have nothing to tell are left out. */
function checkRows(record: JournalLike): string[][] {
  return record.entries
    .filter(({ kind }) => kind === 'done' || kind === 'commit' || kind === 'failed')
    .map(({ step, data }) => [step, told(data).join(' · ')])
    .filter(([, text]) => text !== '');
}

/** Numbers and short texts by their path; of a list of objects how many there are. */
function told(data: Json | undefined, path = ''): string[] {
  if (data === null || data === undefined || data === '') return [];
  if (typeof data === 'number')
    return [`${path} ${data.toLocaleString('en', { maximumFractionDigits: 1, useGrouping: path.endsWith('ytes') })}`];
  if (typeof data !== 'object') return [`${path} ${String(data).slice(0, LONGEST_TEXT)}`];
  if (Array.isArray(data)) {
    const texts = data.filter((each) => typeof each !== 'object');
    if (data.length === 0) return [];
    return texts.length === data.length
      ? [`${path} ${texts.join(' ').slice(0, LONGEST_TEXT)}`]
      : [`${path}: ${data.length}`];
  }
  // Moments are on the timeline.
  const fields = Object.entries(data).filter(([key]) => !key.endsWith('At'));
  return fields.flatMap(([key, value]) => told(value, path === '' ? key : `${path}.${key}`));
}

function effectRows(plan: Json): string[][] {
  return listAt(plan, 'effects')
    .filter((effect) => field(effect, 'undoes') !== true)
    .toSorted((a, b) => phaseOf(a) - phaseOf(b))
    .map((effect) => {
      const object = field(effect, 'object');
      const name = [textAt(object, 'namespace'), textAt(object, 'name')].filter(Boolean).join('/');
      return [
        textAt(effect, 'phase'),
        textAt(effect, 'verb'),
        `${textAt(object, 'kind').toLowerCase()} ${name}`,
        textAt(field(plan, textAt(object, 'side')), 'context'),
        textAt(effect, 'detail'),
      ];
    });
}

function phaseOf(effect: Json): number {
  return (PHASES as readonly string[]).indexOf(textAt(effect, 'phase'));
}

function warnings(plan: Json): string {
  const rows = listAt(plan, 'warnings').map((each) => [
    textAt(each, 'code'),
    textAt(each, 'what'),
    textAt(each, 'remedy'),
  ]);
  return rows.length === 0 ? '<p>None.</p>' : table('', ['Code', 'What', 'What to do'], rows);
}

function table(kind: string, head: readonly string[] | undefined, rows: readonly (readonly string[])[]): string {
  const first = head ? `<tr>${head.map((cell) => `<th>${escaped(cell)}</th>`).join('')}</tr>` : '';
  const rest = rows.map((row) => `<tr>${row.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`);
  return `<table${kind ? ` class="${kind}"` : ''}>${first}${rest.join('')}</table>`;
}

function stateText(state: string): string {
  const texts: Readonly<Record<string, string>> = {
    done: 'done: the pod serves from the target',
    running: 'not finished',
    committed: 'committed, not finished',
    held: 'committed: the pod serves from the target, the source is kept stopped',
    'rolled-back': 'rolled back: the source serves as before',
    'rollback-incomplete': 'rolled back, with something left behind',
  };
  return texts[state] ?? state;
}

function field(value: Json | undefined, key: string): Json | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Readonly<Record<string, Json | undefined>>)[key] : undefined;
}

function listAt(value: Json, key: string): readonly Json[] {
  const list = field(value, key);
  return Array.isArray(list) ? list : [];
}

function textAt(value: Json | undefined, key: string): string {
  const text = field(value, key);
  return typeof text === 'string' ? text : '';
}

function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (letter) => entities[letter] ?? letter);
}

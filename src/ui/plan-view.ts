import type { Effect } from '../domain/effect.ts';
import type { Json } from '../domain/json.ts';
import { PHASES } from '../domain/phase.ts';
import type { Plan } from '../domain/plan.ts';
import { objectName } from '../domain/refs.ts';
import type { FieldChange } from '../domain/write.ts';
import { renderFinding } from './finding-view.ts';
import { seconds, wrapped } from './format.ts';
import { columns } from './table.ts';

const LONGEST_VALUE = 60;

/** The plan for people: where from, where to, by what, how long, every change by phase with its cluster, and what to know before. */
export function renderPlan(plan: Plan, width?: number): string {
  const { source, target, forecast } = plan;
  const from = `${source.context}/${source.node}`;
  const to = `${target.context}/${target.node}`;
  const head = `Plan ${plan.id}  ${source.namespace}/${source.pod}  ${from} -> ${to}`;
  const engine = `Engine: ${plan.engine.name}, ${plan.transfer.name} transfer (${plan.engine.reason})`;
  const forecastLine = `Forecast: ${seconds(forecast.downMs)} down, ${seconds(forecast.totalMs)} in all (${forecast.basis.join('; ')})`;
  return [
    ...paragraph(head, width),
    ...paragraph(engine, width),
    ...paragraph(forecastLine, width),
    renderEffects(plan, width),
    ...afterCommit(plan).flatMap((text) => paragraph(text, width)),
    ...(plan.warnings.length > 0 ? ['Warnings\n', ...plan.warnings.map((each) => renderFinding(each, width))] : []),
  ].join('');
}

/** What a plan changes, for people, where nothing is moved: by phase, with its cluster. */
export function renderEffects(plan: Plan, width?: number): string {
  return columns(effectRows(plan), ['PHASE', 'VERB', 'OBJECT', 'CLUSTER', 'WHAT'], width);
}

function effectRows(plan: Plan): string[][] {
  return plan.effects
    .filter((effect) => !effect.undoes)
    .toSorted((a, b) => PHASES.indexOf(a.phase) - PHASES.indexOf(b.phase))
    .map((effect) => [effect.phase, effect.verb, objectName(effect.object), clusterOf(plan, effect), effect.detail]);
}

/** Text in lines that end with a newline, the second and all after it indented. */
function paragraph(text: string, width = Number.POSITIVE_INFINITY): string[] {
  return wrapped(text, width - 2).map((line, index) => `${index === 0 ? '' : '  '}${line}\n`);
}

function afterCommit({ request: { hold }, rehearsal }: Plan): string[] {
  const until = 'until then every failure leads back to it.';
  if (hold !== undefined)
    return [
      `After the commit the source is kept stopped for ${seconds(hold)}: rollback brings it back without what the target did since; ${until}`,
    ];
  return [
    `After the commit the source never runs again; ${until}`,
    ...(rehearsal ? ['There is no hold, only the archive, until the target runs.'] : []),
  ];
}

export interface ShownChange {
  readonly effect: Effect;
  readonly fields: readonly FieldChange[];
}

/** What changes of objects that are there already, field by field; '' for nothing. */
export function renderChanges(plan: Plan, changes: readonly ShownChange[]): string {
  if (changes.length === 0) return '';
  const objects = changes.map(({ effect, fields }) => {
    const lines = fields.map(({ field, before, after }) => `    ${field}: ${shown(before)} → ${shown(after)}\n`);
    return `  ${objectName(effect.object)} of ${clusterOf(plan, effect)}\n${lines.join('')}`;
  });
  return `Changes of objects that are there\n${objects.join('')}`;
}

export interface ShownRehearsal {
  readonly effect: Effect;
  readonly verdict: string;
  readonly why: string;
}

/** What the API servers said of each write. */
export function renderRehearsal(plan: Plan, rehearsed: readonly ShownRehearsal[], width?: number): string {
  const rows = rehearsed.map(({ effect, verdict, why }) => [
    verdict,
    effect.verb,
    objectName(effect.object),
    clusterOf(plan, effect),
    why,
  ]);
  const count = (verdict: string) => rehearsed.filter((each) => each.verdict === verdict).length;
  const sum = `${count('accepted')} accepted, ${count('refused')} refused, ${count('not checkable')} not checkable\n`;
  return `Checked by the API servers: ${sum}${columns(rows, ['VERDICT', 'VERB', 'OBJECT', 'CLUSTER', 'WHY'], width)}`;
}

function clusterOf({ source, target }: Plan, { object }: Effect): string {
  return object.side === 'source' ? source.context : target.context;
}

function shown(value: Json | undefined): string {
  if (value === undefined) return '(none)';
  const text = JSON.stringify(value);
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}

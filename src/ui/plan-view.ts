import type { MigrateError } from '../domain/errors.ts';
import type { Finding } from '../domain/finding.ts';
import { PHASES } from '../domain/phase.ts';
import type { Plan } from '../domain/plan.ts';
import { objectName } from '../domain/refs.ts';
import { columns } from './table.ts';

/** The plan for people: where from, where to, every change by phase with its cluster, and what to know before. */
export function renderPlan(plan: Plan): string {
  const { source, target } = plan;
  const from = `${source.context}/${source.node}`;
  const to = `${target.context}/${target.node}`;
  const rows = plan.effects
    .filter((effect) => !effect.undoes)
    .toSorted((a, b) => PHASES.indexOf(a.phase) - PHASES.indexOf(b.phase))
    .map(({ phase, verb, object, detail }) => [
      phase,
      verb,
      objectName(object),
      object.side === 'source' ? source.context : target.context,
      detail,
    ]);
  return [
    `Plan ${plan.id}  ${source.namespace}/${source.pod}  ${from} -> ${to}  (${plan.engine.name} engine, ${plan.transfer.name} transfer)\n`,
    columns(rows, ['PHASE', 'VERB', 'OBJECT', 'CLUSTER', 'WHAT']),
    'After the commit the source never runs again; until then every failure leads back to it.\n',
    ...(plan.warnings.length > 0 ? ['Warnings\n', ...plan.warnings.map(renderFinding)] : []),
  ].join('');
}

/** A finding: code and what, then why and what to do. */
export function renderFinding({ code, what, why, remedy, field }: Finding): string {
  const where = field === undefined ? '' : ` (${field})`;
  return `  ${code}  ${what}${where}\n        why: ${why}\n        do:  ${remedy}\n`;
}

/** A failure: what, why, what to do. Findings are listed when it is a refusal. */
export function renderError(error: MigrateError): string {
  const head = `error ${error.code}: ${error.message}\n`;
  if (error.findings.length > 0) return [head, ...error.findings.map(renderFinding)].join('');
  return `${head}  why: ${indent(error.detail)}\n  do:  ${indent(error.remedy)}\n`;
}

function indent(text: string): string {
  return text.replaceAll('\n', '\n       ');
}

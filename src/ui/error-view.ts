import type { MigrateError } from '../domain/errors.ts';
import type { Situation } from '../report/situation.ts';
import { renderFinding } from './finding-view.ts';

/** A failure: in which step, why, what is the case now, what to do. Findings are listed when it is a refusal. */
export function renderError(error: MigrateError, situation?: Situation, width?: number): string {
  const head = `error ${error.code}: ${error.message}\n`;
  const step = situation?.step ? `  step: ${situation.step.phase}: ${situation.step.title}\n` : '';
  const now = situation ? `  now:  ${situation.text}\n` : '';
  if (error.findings.length > 0)
    return [head, step, ...error.findings.map((each) => renderFinding(each, width)), now].join('');
  // With a step the labels are one letter longer.
  const gap = step === '' ? ' ' : '  ';
  return `${head}${step}  why:${gap}${indent(error.detail, gap)}\n${now}  do: ${gap}${indent(error.remedy, gap)}\n`;
}

/** Where an error came from, for a report about this program. */
export function renderTrace(error: MigrateError): string {
  const lines: string[] = [];
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    lines.push(cause.stack ?? String(cause));
  return `${lines.join('\ncaused by: ')}\n`;
}

function indent(text: string, gap: string): string {
  return text.replaceAll('\n', `\n      ${gap}`);
}

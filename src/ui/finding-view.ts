import type { Finding } from '../domain/finding.ts';
import { wrapped } from './format.ts';

const LABELS = { code: 8, why: 13 };

/**
 * A finding: code and what, then why and what to do. In lines of at most `width` columns, but for what to do: that may be
 * a command, which is to be copied in one piece.
 */
export function renderFinding({ code, what, why, remedy, field }: Finding, width = Number.POSITIVE_INFINITY): string {
  const where = field === undefined ? '' : ` (${field})`;
  const hanging = (text: string, indent: number) => wrapped(text, width - indent).join(`\n${' '.repeat(indent)}`);
  return `  ${code}  ${hanging(`${what}${where}`, LABELS.code)}\n        why: ${hanging(why, LABELS.why)}\n        do:  ${remedy}\n`;
}

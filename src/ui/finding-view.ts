import type { Finding } from '../domain/finding.ts';

/** A finding: code and what, then why and what to do. */
export function renderFinding({ code, what, why, remedy, field }: Finding): string {
  const where = field === undefined ? '' : ` (${field})`;
  return `  ${code}  ${what}${where}\n        why: ${why}\n        do:  ${remedy}\n`;
}

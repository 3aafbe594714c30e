import { FAILURES } from '../../src/domain/errors.ts';
import { FINDINGS } from '../../src/domain/finding.ts';
import { COMMAND } from '../../src/domain/names.ts';
import { type Code, EXPLANATIONS } from '../../src/report/explanations.ts';
import { code, GENERATED } from './markdown.ts';

/** The page that explains every code a user can meet, from the tables that the program reads. */
export function troubleshootingPage(): string {
  return [
    GENERATED,
    '# Troubleshooting',
    `Whatever goes wrong has a code that stays the same from version to version. With it come three things: what is the
case, \`why\` it matters, and what to \`do\`, with the names of your objects in them. With ${code('-o json')} the same is on
stdout as ${code('error.code')}, ${code('error.detail')} and ${code('error.remedy')}, and the reasons of a refusal as
${code('error.findings')}. ${code(`${COMMAND} explain CODE`)} prints what is below.`,
    '## Refused before anything was changed',
    'All reasons are told at once, so that one round of changes is enough. The exit code is 5.',
    ...entries(FINDINGS, 'E'),
    '## Worth knowing before',
    'Shown with the plan; they stop nothing.',
    ...entries(FINDINGS, 'W'),
    '## Failures',
    `A failure before the commit leads back by itself, and the source serves (exit code 1). One after the commit leaves the
target to be finished (exit code 3): it says what is left.`,
    ...entries(FAILURES, 'F'),
  ].join('\n\n');
}

function entries(codes: Readonly<Partial<Record<Code, string>>>, letter: string): string[] {
  return (Object.keys(codes) as Code[])
    .filter((name) => name.startsWith(letter))
    .map((name) => `### ${name} ${codes[name]}\n\n${EXPLANATIONS[name]}`);
}

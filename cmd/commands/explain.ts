import { FAILURES } from '../../src/domain/errors.ts';
import { FINDINGS } from '../../src/domain/finding.ts';
import { type Code, EXPLANATIONS } from '../../src/report/explanations.ts';
import { MESSAGES } from '../../src/report/message.ts';
import { wrapped } from '../../src/ui/format.ts';
import { columns } from '../../src/ui/table.ts';
import { shownOn, widthOf } from '../../src/ui/terminal.ts';
import { defineCommand } from '../command.ts';
import { nearest } from '../suggest.ts';

const SUMMARIES: Readonly<Record<string, string>> = { ...FINDINGS, ...FAILURES, ...MESSAGES };
const CODES = Object.keys(EXPLANATIONS) as Code[];

/** `kubectl migrate explain`: what is behind a code. */
export const explainCommand = defineCommand({
  usage: 'explain [code]',
  summary: 'Explain a code that a plan, an error or an event shows',
  description:
    'Explain a code: E and W of findings, F of failures, I and W of events. Without a code it lists all of them.',
  examples: [
    ['$0 explain E120', 'what it means, and what helps'],
    ['$0 explain', 'all codes'],
  ],
  arguments: (yargs) => yargs.positional('code', { type: 'string', describe: 'a code such as E120' }),
  validate: ({ code }) => {
    if (code === undefined || codeOf(code)) return [];
    const near = nearest(code.toUpperCase(), CODES);
    return [`'${code}' is no code${near ? `, did you mean ${near}?` : '; without one all are listed'}`];
  },
  run: async ({ code }, streams) => {
    const found = code === undefined ? undefined : codeOf(code);
    const text = found
      ? `${found}  ${SUMMARIES[found]}\n\n${wrapped(EXPLANATIONS[found], Math.min(streams.stdout.columns ?? 80, 100)).join('\n')}\n`
      : columns(
          CODES.map((each) => [each, SUMMARIES[each] ?? '']),
          ['CODE', 'MEANING'],
          widthOf(streams.stdout, streams.env),
        );
    streams.stdout.write(shownOn(streams.stdout, text, streams.env));
    return 'done';
  },
});

function codeOf(text: string): Code | undefined {
  return CODES.find((code) => code === text.toUpperCase());
}

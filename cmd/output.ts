import { stringify } from 'yaml';
import { MigrateError } from '../src/domain/errors.ts';
import type { Reporter } from '../src/report/message.ts';
import { lineRenderer } from '../src/ui/line-renderer.ts';
import { ndjsonRenderer } from '../src/ui/ndjson-renderer.ts';
import type { PromptStreams } from '../src/ui/prompt/index.ts';
import { terminalOf } from '../src/ui/terminal.ts';
import { isInteractive, type Streams } from './streams.ts';

export interface Output {
  readonly reporter: Reporter;
  /** The one result on stdout: the value itself in JSON or YAML, or as people read it. */
  result(value: unknown, human: () => string): void;
}

/** Results go to stdout, everything else to stderr; with `-o json` that is NDJSON. */
export function output(form: 'json' | 'yaml' | undefined, streams: Streams): Output {
  const write = (text: string) => streams.stderr.write(text);
  const now = () => new Date();
  return {
    reporter: {
      notify: form === undefined ? lineRenderer(write, now) : ndjsonRenderer(write, now),
      ask: async ({ text }) => {
        if (!isInteractive(streams)) throw nobodyToAsk();
        const { confirm } = await import('../src/ui/prompt/index.ts');
        return confirm(text, promptStreams(streams));
      },
    },
    result: (value, human) => {
      if (form === 'json') streams.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
      else if (form === 'yaml') streams.stdout.write(stringify(value));
      else streams.stdout.write(human());
    },
  };
}

/** Where questions are asked: on stderr, so that stdout stays the result's. */
export function promptStreams({ stdin, stderr, env, interrupt }: Streams): PromptStreams {
  return { input: stdin, output: stderr, terminal: terminalOf(stderr, env), signal: interrupt };
}

function nobodyToAsk(): MigrateError {
  return new MigrateError('F303', {
    detail: 'the plan has to be confirmed, and there is no terminal to ask at; nothing was changed',
    remedy: 'look at the plan with --dry-run, then run again with --yes',
    outcome: 'usage',
  });
}

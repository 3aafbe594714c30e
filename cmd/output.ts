import { stringify } from 'yaml';
import { MigrateError } from '../src/domain/errors.ts';
import type { Message, Reporter } from '../src/report/message.ts';
import { Progress } from '../src/report/progress.ts';
import { lineRenderer } from '../src/ui/line-renderer.ts';
import { liveRenderer } from '../src/ui/live-renderer.ts';
import { ndjsonRenderer } from '../src/ui/ndjson-renderer.ts';
import type { PromptStreams } from '../src/ui/prompt/index.ts';
import { shownOn, terminalOf, widthOf } from '../src/ui/terminal.ts';
import { isInteractive, type Streams } from './streams.ts';
import { telling } from './told.ts';

/** From which -v on a message is told; all others always are. */
const LEVELS: Readonly<Partial<Record<Message['code'], number>>> = { I412: 6 };
/** What --quiet leaves. */
const LOUD = new Set<Message['code']>(['W421', 'W423']);

/** What people read, in a terminal that is so many columns wide; undefined where it goes to none. */
type Human = (width: number | undefined) => string;

export interface Output {
  readonly reporter: Reporter;
  /** The one result on stdout: the value itself in JSON or YAML, or as people read it. */
  result(value: unknown, human: Human): void;
  /** Several results: as YAML one document each, as JSON a list unless there is only one. */
  results(values: readonly unknown[], human: Human): void;
  /** For programs only: people get what it says in another form. */
  event(message: Message): void;
  /**
   * Tells somebody at a terminal what is at stake, and whether they have typed the word that goes on all the same. False
   * where there is no terminal: then a flag of that name has to say it. Throws F306 when they end the question.
   */
  askForWord(word: string, stake: string): Promise<boolean>;
  /** Text for people as their terminal can show it, on stderr. */
  readable(text: Human): string;
}

interface Renderer {
  notify(message: Message): void;
  /** Nothing is drawn after it; idempotent. */
  stop(): void;
}

/** Results go to stdout, everything else to stderr: one block on a terminal, lines elsewhere, NDJSON with `-o json`. */
export function output(form: 'json' | 'yaml' | undefined, streams: Streams): Output {
  const { quiet = false, verbosity = 0 } = streams.volume ?? {};
  const progress = new Progress();
  const renderer = rendererFor(form, streams);
  telling(streams, { progress, stop: renderer.stop });
  const notify = (message: Message): void => {
    progress.take(message, Date.now());
    if ((LEVELS[message.code] ?? 0) > verbosity || (quiet && !LOUD.has(message.code))) return;
    renderer.notify(message);
  };
  const result: Output['result'] = (value, human) => {
    renderer.stop();
    if (form === 'json') streams.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
    else if (form === 'yaml') streams.stdout.write(stringify(value));
    else streams.stdout.write(shownOn(streams.stdout, human(widthOf(streams.stdout, streams.env)), streams.env));
  };
  return {
    reporter: { notify, ask: ({ text }) => ask(text, streams) },
    result,
    results: (values, human) => {
      if (form === 'yaml') streams.stdout.write(values.map((value) => stringify(value)).join('---\n'));
      else result(values.length === 1 ? values[0] : values, human);
    },
    event: (message) => {
      if (form !== undefined) notify(message);
    },
    askForWord: (word, stake) => {
      renderer.stop();
      return askForWord(word, stake, streams);
    },
    readable: (text) => shownOn(streams.stderr, text(widthOf(streams.stderr, streams.env)), streams.env),
  };
}

/** Where questions are asked: on stderr, so that stdout stays the result's. */
export function promptStreams({ stdin, stderr, env, interrupt }: Streams): PromptStreams {
  return { input: stdin, output: stderr, terminal: terminalOf(stderr, env), signal: interrupt };
}

function rendererFor(form: 'json' | 'yaml' | undefined, streams: Streams): Renderer {
  const write = (text: string) => streams.stderr.write(text);
  const terminal = terminalOf(streams.stderr, streams.env);
  if (form === undefined && terminal.moves) return liveRenderer({ terminal, write, now: Date.now });
  const clock = () => new Date();
  const lines = lineRenderer((text) => write(shownOn(streams.stderr, text, streams.env)), clock);
  return { notify: form === undefined ? lines : ndjsonRenderer(write, clock), stop: () => undefined };
}

async function ask(text: string, streams: Streams): Promise<boolean> {
  if (!isInteractive(streams)) throw nobodyToAsk();
  const { confirm } = await import('../src/ui/prompt/index.ts');
  return confirm(text, promptStreams(streams));
}

async function askForWord(word: string, stake: string, streams: Streams): Promise<boolean> {
  if (!isInteractive(streams)) return false;
  const { typed } = await import('../src/ui/prompt/index.ts');
  streams.stderr.write(shownOn(streams.stderr, `${stake}\n`, streams.env));
  return (await typed(`Type ${word} if that may be so:`, promptStreams(streams))) === word;
}

function nobodyToAsk(): MigrateError {
  return new MigrateError('F303', {
    detail: 'the plan has to be confirmed, and there is no terminal to ask at; nothing was changed',
    remedy: 'look at the plan with --dry-run, then run again with --yes',
    outcome: 'usage',
  });
}

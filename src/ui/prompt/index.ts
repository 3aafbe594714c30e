import type { Readable, Writable } from 'node:stream';
import { MigrateError } from '../../domain/errors.ts';
import { readable, type Terminal } from '../terminal.ts';
import type { PickerConfig } from './picker.ts';

/** A real terminal on both sides. */
export interface PromptStreams {
  readonly input: Readable;
  readonly output: Writable;
  readonly terminal: Terminal;
  /** Ends the question when it is aborted. */
  readonly signal?: AbortSignal;
}

/**
 * Lets somebody pick from a list. Only for real terminals on both sides: a piped newline is taken for Enter. Throws F306
 * with outcome `interrupted` on Escape and Ctrl-C, which leave the terminal as it was.
 */
export async function pick(config: Omit<PickerConfig, 'terminal'>, at: PromptStreams): Promise<string> {
  const full = { ...config, terminal: at.terminal };
  if (!at.terminal.moves) {
    return answered(at, (context) =>
      import('./plain-picker.ts').then(({ pickPlainly }) =>
        pickPlainly(full, context.input, context.output, context.signal),
      ),
    );
  }
  const { picker } = await import('./picker.ts');
  return answered(at, (context) => picker(full, context));
}

/** Asks yes or no, no being the default. As `pick` otherwise. */
export async function confirm(text: string, at: PromptStreams): Promise<boolean> {
  const { terminal } = at;
  if (!terminal.moves) return /^y(es)?$/i.test(await answered(at, (context) => askPlainly(`${text} (y/N) `, context)));
  const { createPromptModule } = await import('inquirer').then(({ default: inquirer }) => inquirer);
  const theme = themeOf(terminal);
  const question = { type: 'confirm', name: 'yes', message: readable(text, terminal), default: false, theme } as const;
  return answered(at, async (context) => (await createPromptModule(context)<{ yes: boolean }>([question])).yes);
}

/** Asks for a line of text; what is around it does not count. As `pick` otherwise. */
export async function typed(text: string, at: PromptStreams): Promise<string> {
  const { terminal } = at;
  if (!terminal.moves) return answered(at, (context) => askPlainly(`${text} `, context));
  const { createPromptModule } = await import('inquirer').then(({ default: inquirer }) => inquirer);
  const question = {
    type: 'input',
    name: 'word',
    message: readable(text, terminal),
    theme: themeOf(terminal),
  } as const;
  return answered(at, async (context) => (await createPromptModule(context)<{ word: string }>([question])).word.trim());
}

function themeOf({ color }: Terminal) {
  const plain = (value: string) => value;
  const style = color ? {} : { answer: plain, message: plain, defaultAnswer: plain, highlight: plain };
  return { prefix: { idle: '?', done: '?' }, style };
}

interface Context {
  readonly input: Readable;
  readonly output: Writable;
  readonly signal: AbortSignal;
  clearPromptOnDone?: boolean;
}

async function answered<T>(at: PromptStreams, ask: (context: Context) => Promise<T>): Promise<T> {
  const { input, output } = at;
  const ended = new AbortController();
  const signal = at.signal ? AbortSignal.any([at.signal, ended.signal]) : ended.signal;
  const context: Context = { input, output, signal };
  const onKey = (_text: string | undefined, key: { name?: string; ctrl?: boolean } | undefined): void => {
    if (key?.name !== 'escape' && !(key?.ctrl && key.name === 'c')) return;
    // What was drawn goes away with the question.
    context.clearPromptOnDone = true;
    ended.abort();
  };
  // The terminal is lost: nobody answers any more, and with nothing else to wait for the process would just end.
  const onEnd = () => ended.abort();
  input.prependListener('keypress', onKey);
  input.prependListener('end', onEnd);
  if (input.readableEnded) onEnd();
  try {
    return await ask(context);
  } catch (cause) {
    if (!isEnd(cause)) throw cause;
    throw new MigrateError('F306', {
      detail: 'the question was not answered; nothing was changed',
      remedy: 'run the command again',
      outcome: 'interrupted',
      cause,
    });
  } finally {
    input.removeListener('keypress', onKey);
    input.removeListener('end', onEnd);
  }
}

function isEnd(error: unknown): boolean {
  const names = ['AbortPromptError', 'ExitPromptError', 'CancelPromptError', 'AbortError'];
  return error instanceof Error && names.includes(error.name);
}

async function askPlainly(question: string, { input, output, signal }: Context): Promise<string> {
  const { createInterface } = await import('node:readline/promises');
  const lines = createInterface({ input, output, terminal: false });
  try {
    return (await lines.question(question, { signal })).trim();
  } finally {
    lines.close();
  }
}

import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { readable } from '../terminal.ts';
import { type Choice, type Choices, matching } from './choices.ts';
import type { PickerConfig } from './picker.ts';

/** How many entries are listed before somebody has to type part of a name. */
const MOST = 20;

/**
 * The picker for terminals whose cursor does not move (TERM=dumb): a numbered list, and a line with a number, a part of a
 * name, or nothing for the first. Rejects with AbortError on `signal`.
 */
export async function pickPlainly(
  config: PickerConfig,
  input: Readable,
  output: Writable,
  signal: AbortSignal,
): Promise<string> {
  const { choices, terminal } = config;
  await whole(choices, signal);
  const say = (text: string) => output.write(`${readable(text, terminal)}\n`);
  const lines = createInterface({ input, output, terminal: false });
  const ended = new AbortController();
  lines.once('close', () => ended.abort());
  const stop = AbortSignal.any([signal, ended.signal]);
  try {
    let found: readonly Choice[] = initialFirst(choices.all(), config.initial?.(choices.all()));
    for (;;) {
      if (choices.problem()) say(choices.problem() ?? '');
      for (const [index, choice] of found.slice(0, MOST).entries()) {
        say(`${String(index + 1).padStart(3)}  ${line(choice)}`);
      }
      if (found.length > MOST) say(`     ... and ${found.length - MOST} more`);
      const answer = (await lines.question(`${config.message} (number or part of a name): `, { signal: stop })).trim();
      const choice = /^\d+$/.test(answer) || answer === '' ? found[Number(answer || 1) - 1] : undefined;
      if (choice?.verdict === 'bad') say(`${choice.value}: ${choice.reason}`);
      else if (choice) return choice.value;
      else {
        const matches = matching(choices.all(), answer);
        const exact = matches.find(({ value, verdict }) => value === answer && verdict !== 'bad');
        if (exact) return exact.value;
        if (matches.length === 0 && config.free && answer !== '') return answer;
        if (matches.length === 0) say(`nothing matches ${answer}`);
        else found = matches;
      }
    }
  } finally {
    lines.close();
  }
}

function line({ name, value, about = [], verdict, reason }: Choice): string {
  return [name ?? value, ...about, [verdict === 'bad' ? '✗' : '', reason].filter(Boolean).join(' ')]
    .filter(Boolean)
    .join('  ');
}

function initialFirst(choices: readonly Choice[], initial: string | undefined): readonly Choice[] {
  const first = choices.filter(({ value }) => value === initial);
  return [...first, ...choices.filter(({ value }) => value !== initial)];
}

/** Such a terminal shows what was printed for ever, so the list is printed when it is whole. */
function whole(choices: Choices, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (choices.complete()) return resolve();
    const stop = choices.subscribe(() => {
      if (!choices.complete()) return;
      stop();
      resolve();
    });
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

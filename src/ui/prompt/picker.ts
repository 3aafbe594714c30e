import {
  createPrompt,
  isDownKey,
  isEnterKey,
  isUpKey,
  type KeypressEvent,
  useEffect,
  useKeypress,
  useState,
} from '@inquirer/core';
import { readable, styled, type Terminal, truncated } from '../terminal.ts';
import { type Choice, type Choices, matching } from './choices.ts';
import { rows, windowOf } from './rows.ts';

export interface PickerConfig {
  readonly message: string;
  readonly choices: Choices;
  readonly terminal: Terminal;
  /** What the cursor is on at first; by default the first that can be picked. */
  readonly initial?: ((choices: readonly Choice[]) => string | undefined) | undefined;
  /** Takes what was typed where the list cannot be had. */
  readonly free?: boolean;
}

/** Lines beside the list: question, notes, count, keys. */
const OTHER_LINES = 5;
const MOST_ROWS = 12;
/** How often a growing list is drawn at most, in ms. */
const REDRAW_MS = 60;

/** A list to type into: it is drawn while it still grows, and only the lines that are seen are. */
export const picker = createPrompt<string, PickerConfig>((config, done) => {
  const { choices, terminal } = config;
  const [typed, setTyped] = useState('');
  const [wanted, setWanted] = useState<string | undefined>(undefined);
  const [note, setNote] = useState('');
  const [, setDrawn] = useState(0);
  const [picked, setPicked] = useState<string | undefined>();
  useEffect(() => redrawOnChange(choices, setDrawn), []);

  const found = matching(choices.all(), typed);
  const on = wanted ?? (typed === '' ? config.initial?.(choices.all()) : undefined);
  const at = positionOf(found, on);
  useKeypress((key, line) => {
    setNote('');
    if (isEnterKey(key)) {
      const answer = decide(config, found[at], typed);
      if ('note' in answer) {
        setNote(answer.note);
        line.write(typed);
        return;
      }
      setPicked(answer.value);
      done(answer.value);
    } else if (moveOf(key) !== 0) {
      line.clearLine(0);
      line.write(typed);
      setWanted(found[Math.max(0, Math.min(found.length - 1, at + moveOf(key) * stepOf(key, terminal)))]?.value);
    } else {
      // Tab is not part of any name.
      const text = line.line.replaceAll('\t', '');
      if (text !== typed) setWanted(typed === '' && text === '' ? wanted : undefined);
      setTyped(text);
    }
  });

  const title = readable(`? ${config.message} › `, terminal);
  if (picked !== undefined) return `${title}${styled('cyan', picked, terminal)}`;
  const size = pageSize(terminal);
  const { from, to } = windowOf(found.length, at, size);
  const list = rows(found.slice(from, to), at - from, terminal);
  const notes = [note, choices.problem() ?? ''].filter(Boolean);
  const below = notes.map((text) => styled('yellow', fitted(text, terminal), terminal));
  const foot = styled('dim', fitted(footer(found.length, choices), terminal), terminal);
  return [`${styled('bold', title, terminal)}${typed}`, [...list, ...below, foot].join('\n')];
});

function positionOf(found: readonly Choice[], on: string | undefined): number {
  const there = found.findIndex(({ value }) => value === on);
  const first = found.findIndex(({ verdict }) => verdict !== 'bad');
  return Math.max(0, there === -1 ? first : there);
}

function decide(
  { choices, free }: PickerConfig,
  choice: Choice | undefined,
  typed: string,
): { readonly value: string } | { readonly note: string } {
  const text = typed.trim();
  if (choice === undefined) {
    if (free && choices.problem() !== undefined && text !== '') return { value: text };
    if (!choices.complete()) return { note: 'the list is still loading' };
    return { note: text === '' ? 'there is nothing to pick' : `nothing matches ${text}` };
  }
  if (choice.verdict === 'bad')
    return { note: `${choice.name ?? choice.value}: ${choice.reason ?? 'cannot be picked'}` };
  return { value: choice.value };
}

/** Draws again when the list changes, not more often than anybody can see. */
function redrawOnChange(choices: Choices, setDrawn: (count: number) => void): () => void {
  let count = 0;
  let timer: NodeJS.Timeout | undefined;
  const draw = (): void => {
    timer = undefined;
    setDrawn(++count);
  };
  const stop = choices.subscribe(() => {
    timer ??= setTimeout(draw, REDRAW_MS);
  });
  setDrawn(++count);
  return () => {
    stop();
    clearTimeout(timer);
  };
}

function moveOf(key: KeypressEvent): -1 | 0 | 1 {
  if (isUpKey(key) || key.name === 'pageup') return -1;
  return isDownKey(key) || key.name === 'pagedown' ? 1 : 0;
}

function stepOf(key: KeypressEvent, terminal: Terminal): number {
  return key.name.startsWith('page') ? pageSize(terminal) : 1;
}

function pageSize(terminal: Terminal): number {
  return Math.max(3, Math.min(MOST_ROWS, terminal.rows() - OTHER_LINES));
}

function footer(found: number, choices: Choices): string {
  const total = choices.all().length;
  const count = found === total ? String(total) : `${found} of ${total}`;
  return `${count}${choices.complete() ? '' : ', loading…'} · type to filter · ↑↓ Enter · Esc ends`;
}

function fitted(text: string, terminal: Terminal): string {
  return truncated(readable(text, terminal), terminal.columns() - 1, terminal);
}

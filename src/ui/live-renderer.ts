import type { Message } from '../report/message.ts';
import { Progress, type StepProgress } from '../report/progress.ts';
import { age, seconds } from './format.ts';
import { readable, styled, type Terminal, truncated } from './terminal.ts';

/** How often the block is drawn at most, in ms. */
const FRAME_MS = 100;
/** What is told above the block and stays: everything that is no progress of a step. */
const LASTING = new Set(['I408', 'I410', 'I411', 'I405', 'W421', 'W422', 'W423', 'W424']);
const MARKS = { done: '✓', failed: '✗', 'taken back': '←', running: '›' } as const;

export interface LiveRenderer {
  notify(message: Message): void;
  /** Draws the block for the last time and leaves it; idempotent. Nothing is drawn after it. */
  stop(): void;
}

export interface LiveOptions {
  readonly terminal: Terminal;
  readonly write: (text: string) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * One block that is drawn over and over: a line for each phase with what goes on in it and how long it took. It begins with
 * the first step; what has to stay is printed above it.
 */
export function liveRenderer({ terminal, write, now }: LiveOptions): LiveRenderer {
  const progress = new Progress();
  let drawn = 0;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const erase = (): string => (drawn === 0 ? '' : `\u001b[${drawn}A\u001b[0J`);
  const draw = (above: readonly string[] = []): void => {
    const lines = progress.startedAt() === undefined ? [] : block(progress, terminal, now());
    write(erase() + [...above, ...lines].map((line) => `${line}\n`).join(''));
    drawn = lines.length;
  };
  return {
    notify: (message) => {
      progress.take(message, now());
      const lasting = LASTING.has(message.code);
      if (lasting && stopped) write(`${readable(message.text, terminal)}\n`);
      else if (lasting) draw([readable(message.text, terminal)]);
      if (lasting || stopped || progress.startedAt() === undefined) return;
      timer ??= setInterval(() => draw(), FRAME_MS).unref();
    },
    stop: () => {
      if (stopped) return;
      stopped = true;
      clearInterval(timer);
      if (timer !== undefined) draw();
      // What comes next is written below.
      drawn = 0;
    },
  };
}

/** The lines of the block, none longer than the terminal is wide. Pure. */
export function block(progress: Progress, terminal: Terminal, now: number): string[] {
  const lines = progress.phases().map(({ phase, steps }) => phaseLine(phase, steps, now));
  const elapsed = `elapsed ${age(now - (progress.startedAt() ?? now))}`;
  return [...lines, { text: elapsed, style: 'dim' as const }].map(({ text, style }) => {
    const fitted = truncated(readable(text, terminal), terminal.columns() - 1, terminal);
    return style ? styled(style, fitted, terminal) : fitted;
  });
}

interface Line {
  readonly text: string;
  readonly style?: 'dim' | 'red' | 'cyan' | 'green';
}

function phaseLine(phase: string, steps: readonly StepProgress[], now: number): Line {
  const name = phase.padEnd(9);
  if (steps.length === 0) return { text: `· ${phase}`, style: 'dim' };
  const failed = steps.find(({ state }) => state === 'failed');
  const current = failed ?? steps.find(({ state }) => state === 'running');
  if (current) {
    const took = seconds(current.ms ?? now - current.startedAt);
    const note = current.note === undefined ? '' : ` · ${current.note}`;
    return { text: `${MARKS[current.state]} ${name} ${current.title} ${took}${note}`, style: failed ? 'red' : 'cyan' };
  }
  const back = steps.every(({ state }) => state === 'taken back');
  const sum = steps.map(({ title, ms = 0 }) => `${title} ${seconds(ms)}`).join(', ');
  return { text: `${back ? MARKS['taken back'] : MARKS.done} ${name} ${sum}`, style: back ? 'dim' : 'green' };
}

import { readable, styled, type Terminal, truncated } from '../terminal.ts';
import type { Choice } from './choices.ts';

const MARKS = { good: '✓', bad: '✗', pending: '…' } as const;
const COLORS = { good: 'green', bad: 'red', pending: 'dim' } as const;
const GAP = '  ';

/** The part of a list that is shown: `size` entries with the active one among them. Pure. */
export function windowOf(length: number, active: number, size: number): { from: number; to: number } {
  const from = Math.max(0, Math.min(active - Math.floor(size / 2), length - size));
  return { from, to: Math.min(length, from + size) };
}

/** Entries as aligned lines that fit the width: the name in full as long as it can be, then what is about it. Pure. */
export function rows(choices: readonly Choice[], active: number, terminal: Terminal): string[] {
  const width = terminal.columns() - 1;
  const cells = choices.map((choice) => [choice.name ?? choice.value, ...(choice.about ?? [])]);
  const columns = Math.max(0, ...cells.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  );
  return choices.map((choice, index) => {
    const isActive = index === active;
    const row = (cells[index] ?? []).map((cell, column) => cell.padEnd(widths[column] ?? 0));
    const verdict = verdictOf(choice);
    const plain = readable([`${isActive ? '›' : ' '} ${row.join(GAP)}`, verdict].filter(Boolean).join(GAP), terminal);
    const cut = truncated(plain.trimEnd(), width, terminal);
    if (isActive) return styled('cyan', cut, terminal);
    // Colour only the verdict, and only where it was not cut off.
    const tail = readable(verdict, terminal);
    if (choice.verdict === undefined || !cut.endsWith(tail)) return cut;
    return cut.slice(0, cut.length - tail.length) + styled(COLORS[choice.verdict], tail, terminal);
  });
}

function verdictOf({ verdict, reason }: Choice): string {
  return [verdict && MARKS[verdict], reason].filter(Boolean).join(' ');
}

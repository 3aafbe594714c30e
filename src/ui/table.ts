import Table from 'cli-table3';
import { wrapped } from './format.ts';

const BARE = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Between two columns. */
const GAP = 2;
/** Of a row's further lines. */
const INDENT = 4;
/** A column that would be narrower begins on a line of its own. */
const NARROWEST = 24;

/**
 * Columns without lines, as kubectl prints them. The last line ends with a newline. A table that is wider than `width`
 * (columns of a terminal) keeps as many of its first columns as there is room for; the rest of a row goes below it.
 */
export function columns(
  rows: readonly (readonly string[])[],
  head?: readonly string[],
  width = Number.POSITIVE_INFINITY,
): string {
  const all = head ? [head, ...rows] : rows;
  const wide = widths(all);
  const isNarrow = sum(wide) + GAP * (wide.length - 1) > width;
  return isNarrow ? all.flatMap((row) => stacked(row, wide, width)).join('') : plain(rows, head);
}

function plain(rows: readonly (readonly string[])[], head: readonly string[] | undefined): string {
  const table = new Table({
    chars: BARE,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    ...(head && { head: [...head] }),
  });
  table.push(...rows.map((row) => [...row]));
  return `${table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')}\n`;
}

/** A row in the lines that it takes: the first columns under one another, the others behind and below them. */
function stacked(row: readonly string[], wide: readonly number[], width: number): string[] {
  const offset = (count: number) => sum(wide.slice(0, count)) + GAP * count;
  let aligned = 0;
  while (aligned < wide.length - 1 && offset(aligned + 1) + NARROWEST <= width) aligned++;
  const first = row.slice(0, aligned).map((cell, index) => cell.padEnd((wide[index] ?? 0) + GAP));
  const rest = row.slice(aligned).filter((cell) => cell !== '');
  // One column that is left keeps its place, in as many lines as it takes.
  const indent = aligned === wide.length - 1 ? offset(aligned) : INDENT;
  const lines = [first.join('')];
  for (const [index, cell] of rest.entries()) {
    const last = lines.at(-1) ?? '';
    const gap = index === 0 ? '' : ' '.repeat(GAP);
    const [start = '', ...more] = wrapped(cell, width - indent);
    if (last.length + gap.length + start.length <= width) lines[lines.length - 1] = `${last}${gap}${start}`;
    else lines.push(`${' '.repeat(indent)}${start}`);
    lines.push(...more.map((line) => `${' '.repeat(indent)}${line}`));
  }
  return lines.map((line) => `${line.trimEnd()}\n`);
}

/** How wide each column is. */
function widths(rows: readonly (readonly string[])[]): number[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  return Array.from({ length: count }, (_, index) => Math.max(0, ...rows.map((row) => (row[index] ?? '').length)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

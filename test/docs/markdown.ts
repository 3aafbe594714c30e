/** The first line of every page that is written by a program. */
export const GENERATED = '<!-- Written by `npm run docs` from the program itself. Changes here are lost. -->';

/** Text as code within a line. */
export const code = (text: string): string => `\`${text}\``;

/** Text as it can stand in a table. */
export const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

/** A table; the cells are Markdown already. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

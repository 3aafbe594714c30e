import type { Cell } from '../support/terminal.ts';

const SIZE = 13;
const WIDTH = SIZE * 0.602;
const LINE = 18;
const MARGIN = 14;
/** Browsers disagree about how SVG keeps several blanks; all of them keep these. */
const HARD_SPACE = '\u00a0';
const BACKGROUND = '#1e2127';
const FOREGROUND = '#d7dae0';
/** The first sixteen colours of a terminal. */
const PALETTE = [
  ...['#3f4451', '#e06c75', '#98c379', '#e5c07b', '#61afef', '#c678dd', '#56b6c2', '#d7dae0'],
  ...['#5c6370', '#ff7b86', '#b1e18b', '#efb074', '#67cdff', '#e48bff', '#63d4e0', '#ffffff'],
];

/** A terminal as an SVG: a line of text for each line, a span for each run of letters that look the same. Pure. */
export function screenshot(title: string, lines: readonly (readonly Cell[])[]): string {
  const columns = Math.max(...lines.map(({ length }) => length));
  const width = Math.ceil(columns * WIDTH + 2 * MARGIN);
  const height = lines.length * LINE + 2 * MARGIN;
  const texts = lines.map((cells, row) => {
    const spans = runs(cells).map(({ text, style }) => `<tspan${style}>${escaped(text)}</tspan>`);
    return `<text x="${MARGIN}" y="${MARGIN + row * LINE + SIZE}">${spans.join('')}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="${SIZE}" fill="${FOREGROUND}">
<title>${escaped(title)}</title>
<rect width="${width}" height="${height}" rx="6" fill="${BACKGROUND}"/>
${texts.join('\n')}
</svg>
`;
}

/** What such a picture says, line by line. Pure. */
export function wordsOf(svg: string): string {
  const lines = [...svg.matchAll(/<text [^>]*>(.*)<\/text>/g)].map(([, line = '']) => line.replace(/<[^>]*>/g, ''));
  return lines
    .join('\n')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
    .replaceAll(HARD_SPACE, ' ');
}

function runs(cells: readonly Cell[]): { text: string; style: string }[] {
  const found: { text: string; style: string }[] = [];
  for (const cell of cells) {
    const style = styleOf(cell);
    const last = found.at(-1);
    if (last?.style === style) last.text += cell.text;
    else found.push({ text: cell.text, style });
  }
  return found;
}

function styleOf({ colour, bold, dim }: Cell): string {
  const fill = colour === undefined ? '' : ` fill="${PALETTE[colour] ?? FOREGROUND}"`;
  return `${fill}${bold ? ' font-weight="bold"' : ''}${dim ? ' opacity="0.6"' : ''}`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll(' ', HARD_SPACE);
}

import { styleText } from 'node:util';

/** What can be shown on a stream. */
export interface Terminal {
  /** A person sees it at once: not a file, not a pipe. */
  readonly live: boolean;
  /** The cursor can be moved: what was drawn can be drawn over. */
  readonly moves: boolean;
  readonly color: boolean;
  readonly unicode: boolean;
  /** Width in columns, as it is now. */
  columns(): number;
  rows(): number;
}

export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

type Env = Readonly<Record<string, string | undefined>>;

const COLUMNS = 80;
const ROWS = 24;

/** What a stream and its surroundings allow: NO_COLOR, TERM=dumb, and the character set of the locale. */
export function terminalOf(screen: Screen, env: Env): Terminal {
  const live = screen.isTTY === true;
  const dumb = env['TERM'] === 'dumb';
  return {
    live,
    moves: live && !dumb,
    color: live && !dumb && !env['NO_COLOR'],
    unicode: speaksUnicode(env),
    columns: () => screen.columns || COLUMNS,
    rows: () => screen.rows || ROWS,
  };
}

/** How wide text for people may be; undefined where it goes to no terminal: then as wide as it is. */
export function widthOf(screen: Screen, env: Env): number | undefined {
  const terminal = terminalOf(screen, env);
  return terminal.live ? terminal.columns() : undefined;
}

/** POSIX: the first of these that is set decides. Windows Terminal sets none of them and can. */
function speaksUnicode(env: Env): boolean {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'];
  return locale ? /utf-?8/i.test(locale) : env['WT_SESSION'] !== undefined;
}

const ASCII: Readonly<Record<string, string>> = {
  '’': "'",
  '‘': "'",
  '“': '"',
  '”': '"',
  '→': '->',
  '↑': 'up',
  '↓': 'down',
  '…': '...',
  '·': '-',
  '›': '>',
  '–': '-',
  '✓': '+',
  '✗': 'x',
  '×': 'x',
  '█': '#',
  '░': '.',
};

/** The text as a terminal without Unicode can show it. Pure. */
export function readable(text: string, { unicode }: Pick<Terminal, 'unicode'>): string {
  return unicode ? text : text.replace(/[^\p{ASCII}]/gu, (letter) => ASCII[letter] ?? '?');
}

/** Text as the terminal behind a stream can show it; where there is none, as it is. */
export function shownOn(screen: Screen, text: string, env: Env): string {
  const terminal = terminalOf(screen, env);
  return terminal.live ? readable(text, terminal) : text;
}

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Text in a style, where there are colours. Pure. */
export function styled(style: Style, text: string, { color }: Pick<Terminal, 'color'>): string {
  return color ? styleText(style, text, { validateStream: false }) : text;
}

/** At most `width` columns; what is cut off is shown as cut off. Pure. */
export function truncated(text: string, width: number, terminal: Pick<Terminal, 'unicode'>): string {
  if (text.length <= width) return text;
  const mark = terminal.unicode ? '…' : '..';
  return `${text.slice(0, Math.max(0, width - mark.length))}${mark}`;
}

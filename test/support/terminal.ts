import path from 'node:path';
import { type IPty, spawn } from '@lydell/node-pty';
import headless from '@xterm/headless';

const root = path.resolve(import.meta.dirname, '../..');

export const KEYS = {
  enter: '\r',
  escape: '\u001b',
  interrupt: '\u0003',
  up: '\u001b[A',
  down: '\u001b[B',
  backspace: '\u007f',
};

export interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** The program and its first arguments. */
  readonly program: readonly string[];
  readonly cwd?: string;
}

/** One letter of a screen and how it looks; a colour is one of the first sixteen, or the terminal's own. */
export interface Cell {
  readonly text: string;
  readonly colour: number | undefined;
  readonly bold: boolean;
  readonly dim: boolean;
}

/** A program in a real pseudo-terminal, with the screen as a person would see it. */
export class TerminalSession {
  readonly #pty: IPty;
  readonly #screen: headless.Terminal;
  readonly #exited: Promise<number>;
  #raw = '';
  #written = Promise.resolve();

  constructor(argv: readonly string[], options: TerminalOptions) {
    const { columns: cols = 100, rows = 30, env = {}, program, cwd = root } = options;
    this.#screen = new headless.Terminal({ cols, rows, allowProposedApi: true, scrollback: 1000 });
    const [file = '', ...first] = program;
    const base = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', TERM: 'xterm-256color', LANG: 'C.UTF-8' };
    this.#pty = spawn(file, [...first, ...argv], { cols, rows, cwd, env: { ...base, ...env } });
    this.#pty.onData((data) => {
      this.#raw += data;
      this.#written = new Promise((resolve) => this.#screen.write(data, resolve));
    });
    this.#exited = new Promise((resolve) => this.#pty.onExit(({ exitCode }) => resolve(exitCode)));
  }

  type(keys: string): void {
    this.#pty.write(keys);
  }

  /** Everything that was sent to the terminal, control sequences included. */
  raw(): string {
    return this.#raw;
  }

  /** What is on the screen, history included: a line that was too long for it in one, no blanks at ends and below. */
  screen(): string {
    const { active } = this.#screen.buffer;
    let text = '';
    for (let row = 0; row < active.length; row++) {
      const line = active.getLine(row);
      if (row > 0 && !line?.isWrapped) text += '\n';
      text += line?.translateToString(!active.getLine(row + 1)?.isWrapped) ?? '';
    }
    return text.trimEnd();
  }

  /** The screen with its colours, line by line, history included, without blank lines below. */
  cells(): Cell[][] {
    const { active } = this.#screen.buffer;
    const lines = Array.from({ length: active.length }, (_, row) => cellsOf(active.getLine(row)));
    return lines.slice(0, lines.findLastIndex((line) => line.some(({ text }) => text !== ' ')) + 1);
  }

  /** The column and line of the cursor, and whether it is shown. */
  cursorShown(): boolean {
    return this.#raw.lastIndexOf('\u001b[?25l') <= this.#raw.lastIndexOf('\u001b[?25h');
  }

  /** Waits until the screen matches; fails with the screen as it is after `withinMs`. */
  async shows(pattern: RegExp, withinMs = 40_000): Promise<string> {
    const end = Date.now() + withinMs;
    for (;;) {
      await this.#written;
      const screen = this.screen();
      if (pattern.test(screen)) return screen;
      if (Date.now() > end) throw new Error(`the screen does not show ${pattern}:\n${screen}`);
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
  }

  /** Waits for the end of the program and yields its exit code. */
  async exit(): Promise<number> {
    const code = await this.#exited;
    await this.#written;
    return code;
  }

  /** The terminal goes away, as a window that is closed or a connection that is lost. What ran in it may go on. */
  lose(): void {
    // Not among the types that the library declares.
    (this.#pty as IPty & { destroy(): void }).destroy();
  }

  /** Ends the program, should it still run. */
  async end(): Promise<void> {
    this.#pty.kill('SIGKILL');
    await this.#exited;
  }
}

function cellsOf(line: headless.IBufferLine | undefined): Cell[] {
  return Array.from({ length: line?.length ?? 0 }, (_, column) => {
    const cell = line?.getCell(column);
    return {
      text: cell?.getChars() || ' ',
      colour: cell?.isFgPalette() ? cell.getFgColor() : undefined,
      bold: Boolean(cell?.isBold()),
      dim: Boolean(cell?.isDim()),
    };
  });
}

import type { Readable, Writable } from 'node:stream';
import type { Screen } from '../src/ui/terminal.ts';

/** The process as the program sees it; tests pass their own. */
export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & Screen;
  readonly stderr: Writable & Screen;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by the first interrupt (SIGINT, SIGTERM, SIGHUP). */
  readonly interrupt: AbortSignal;
  /** Aborted by the second one, right before the process ends: time for one sentence, written at once. */
  readonly insisted?: AbortSignal;
  /** How much is told: --quiet and -v. */
  readonly volume?: { readonly quiet: boolean; readonly verbosity: number };
}

/**
 * Whether somebody is there to be asked: questions go to stderr, so that stdout stays the result's. Reads of a pipe would
 * take its newline for an answer.
 */
export function isInteractive({ stdin, stderr }: Pick<Streams, 'stdin' | 'stderr'>): boolean {
  return stdin.isTTY === true && stderr.isTTY === true;
}

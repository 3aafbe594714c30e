import { setTimeout } from 'node:timers/promises';
import type { Child, ProcessOptions } from './kubectl.ts';

/** How long a process that goes on in small pieces does so each time, in ms. */
const PIECE_MS = 5;
/** How often it is looked at before the next piece, as far apart as a piece is long. */
const LOOKS = 5;

/** What was caused by the words of a process. */
export interface Caused<T> {
  /** For that process. */
  readonly options: Required<Pick<ProcessOptions, 'onStart' | 'onStderr'>>;
  /** Ends with the act, as that does; throws when nobody said the words. */
  done(): Promise<T>;
}

/** A process that has said something, and the first migration that it has named, '' when it has named none. */
export interface Speaker {
  readonly child: Child;
  readonly id: string;
}

/** The first migration that a text names; '' when it names none. Pure. */
export function migrationIn(text: string): string {
  return /\bm-[a-z0-9]{6}\b/.exec(text)?.[0] ?? '';
}

/**
 * Acts once, when a process says certain words on stderr. It is stopped as soon as they are heard, and stands still until the
 * act is over, however long that takes.
 */
export function whenSaid<T>(words: string, act: (speaker: Speaker) => T | Promise<T>): Caused<T> {
  let child: Child | undefined;
  let said = '';
  let acting: Promise<T> | undefined;
  return {
    options: {
      onStart: (started) => {
        child = started;
      },
      onStderr: (text) => {
        said += text;
        if (acting || !child || !said.includes(words)) return;
        const speaker = { child, id: migrationIn(said) };
        acting = standingStill(
          (signal) => speaker.child.kill(signal),
          async () => act(speaker),
        );
        // Told by `done`.
        acting.catch(() => undefined);
      },
    },
    done: async () => {
      if (!acting) throw new Error(`nobody said '${words}'`);
      return acting;
    },
  };
}

/** Has a process stand still while something is done. */
export async function standingStill<T>(signal: (name: NodeJS.Signals) => unknown, act: () => Promise<T>): Promise<T> {
  signal('SIGSTOP');
  try {
    return await act();
  } finally {
    signal('SIGCONT');
  }
}

/**
 * Has a process that stands still go on in small pieces, and looks between them for several times as long, until a look yields
 * something: on a busy machine as well, what it looks for comes while the process stands still. Yields that; undefined when
 * the process has ended.
 */
export async function inPieces<T>(child: Child, look: () => T | undefined): Promise<T | undefined> {
  while (child.exitCode === null && child.signalCode === null) {
    for (let looks = 0; looks < LOOKS; looks++) {
      const seen = look();
      if (seen !== undefined) return seen;
      await setTimeout(PIECE_MS);
    }
    child.kill('SIGCONT');
    await setTimeout(PIECE_MS);
    child.kill('SIGSTOP');
  }
  return undefined;
}

import { COMMAND } from './names.ts';

/**
 * Where a migration stands. `done` and `rolled-back` are ends; the others still need something done. `held`: committed, the
 * target serves, and the source is kept stopped for a while.
 */
export const RECORD_STATES = ['running', 'committed', 'held', 'done', 'rolled-back', 'rollback-incomplete'] as const;
export type RecordState = (typeof RECORD_STATES)[number];

/** Nothing is left to do but to remove the record. Pure. */
export function isFinished(state: RecordState): boolean {
  return state === 'done' || state === 'rolled-back';
}

/** A state in words, and the command that goes on from there. */
export interface Standing {
  readonly words: string;
  readonly next: string;
}

/** Committed, whatever has happened since but for a deliberate way back. Pure. */
export function isCommitted(state: RecordState): boolean {
  return state === 'committed' || state === 'held' || state === 'done';
}

/** Until when a source is held, as a record tells it, and the time now. */
export interface HeldUntil {
  /** RFC 3339. */
  readonly until: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What to tell about a migration. `atWork`: a process holds its lock and renews it. Pure. */
export function standing(id: string, state: RecordState, atWork: boolean, held?: HeldUntil): Standing {
  if (atWork && !isFinished(state)) return { words: `under way (${state})`, next: `${COMMAND} status ${id}` };
  switch (state) {
    case 'running':
      return { words: 'stopped before the commit', next: `${COMMAND} resume ${id}` };
    case 'committed':
      return { words: 'committed, not finished', next: `${COMMAND} resume ${id}` };
    case 'held':
      return heldStanding(id, held);
    case 'rollback-incomplete':
      return { words: 'not everything is taken back', next: `${COMMAND} resume ${id}` };
    case 'rolled-back':
      return { words: 'led back: the source serves', next: `${COMMAND} cleanup ${id}` };
    case 'done':
      return { words: 'moved: the target serves', next: `${COMMAND} cleanup ${id}` };
  }
}

/** The commands that end a hold. Pure. */
export function afterHold(id: string): string {
  return `${COMMAND} finalize ${id}, or back: ${COMMAND} rollback ${id}`;
}

function heldStanding(id: string, held: HeldUntil | undefined): Standing {
  const over = held !== undefined && Date.parse(held.until) <= held.now;
  if (over) return { words: `the target serves; the hold ended ${held.until}`, next: `${COMMAND} finalize ${id}` };
  const until = held === undefined ? '' : ` until ${held.until}`;
  return {
    words: `the target serves; the source is kept stopped${until}`,
    next: afterHold(id),
  };
}

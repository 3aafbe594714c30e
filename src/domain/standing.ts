import { COMMAND } from './names.ts';

/** Where a migration stands. `done` and `rolled-back` are ends; the others still need something done. */
export const RECORD_STATES = ['running', 'committed', 'done', 'rolled-back', 'rollback-incomplete'] as const;
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

/** What to tell about a migration. `atWork`: a process holds its lock and renews it. Pure. */
export function standing(id: string, state: RecordState, atWork: boolean): Standing {
  if (atWork && !isFinished(state)) return { words: `under way (${state})`, next: `${COMMAND} status ${id}` };
  switch (state) {
    case 'running':
      return { words: 'stopped before the commit', next: `${COMMAND} resume ${id}` };
    case 'committed':
      return { words: 'committed, not finished', next: `${COMMAND} resume ${id}` };
    case 'rollback-incomplete':
      return { words: 'not everything is taken back', next: `${COMMAND} resume ${id}` };
    case 'rolled-back':
      return { words: 'led back: the source serves', next: `${COMMAND} cleanup ${id}` };
    case 'done':
      return { words: 'moved: the target serves', next: `${COMMAND} cleanup ${id}` };
  }
}

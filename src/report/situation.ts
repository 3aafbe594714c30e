import { isTakenOver, type MigrateError } from '../domain/errors.ts';
import type { Progress, StepProgress } from './progress.ts';

/** Where a run that did not come to its end left both clusters. */
export interface Situation {
  /** The step that it ended in; undefined when none had begun. */
  readonly step: StepProgress | undefined;
  readonly serves: 'source' | 'target' | 'unknown';
  /** The same in a sentence. */
  readonly text: string;
}

/** What is the case after a run that this ended; undefined when it never began to change anything. Pure. */
export function situationOf(error: MigrateError, progress: Progress): Situation | undefined {
  if (progress.startedAt() === undefined) return undefined;
  const step = progress.stopped();
  switch (error.outcome) {
    case 'midway':
      return { step, ...midway(error, progress.committed()) };
    case 'rollbackIncomplete':
      return { step, ...incomplete(progress) };
    case 'done':
      return undefined;
    default: {
      const { change, unknown } = progress.source();
      const news = change ?? unknown;
      return news === undefined
        ? { step, serves: 'source', text: 'the source serves as before; what had been prepared was taken away again' }
        : { step, serves: 'unknown', text: `${news}; what had been prepared was taken away again` };
    }
  }
}

function incomplete(progress: Progress): Omit<Situation, 'step'> {
  const { change, unknown } = progress.source();
  const left = 'not everything that was made could be taken away';
  if (change !== undefined) return { serves: 'unknown', text: `${change}; ${left}` };
  const frozen = progress.steps().some(({ name, takenBack }) => name === 'freeze' && !takenBack);
  if (frozen)
    return {
      serves: 'unknown',
      text: 'the source may still be frozen: its helper lets it go on by itself after --max-freeze, unless the target may run, or the commit was under way',
    };
  return unknown === undefined
    ? { serves: 'source', text: `the source serves; ${left}` }
    : { serves: 'unknown', text: `${unknown}; ${left}` };
}

function midway(error: MigrateError, committed: boolean): Omit<Situation, 'step'> {
  if (isTakenOver(error))
    return { serves: 'unknown', text: 'somebody else has this migration by now: neither side was touched any more' };
  if (committed)
    return {
      serves: 'target',
      text: 'the target has the processes; the source never runs again and is not all cleared away',
    };
  return error.code === 'F344'
    ? {
        serves: 'unknown',
        text: 'the target holds the processes as they were at the freeze, the source has others or none: neither was touched any more',
      }
    : { serves: 'unknown', text: 'whether the move was committed is not known: neither side was touched any more' };
}

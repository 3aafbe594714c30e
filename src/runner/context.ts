import type { Json } from '../domain/json.ts';
import type { Lock } from '../journal/lock-keeping.ts';
import type { Journal } from '../journal/ports.ts';
import type { StepResults } from '../steps/results.ts';
import type { Step, StepContext } from '../steps/step.ts';

/** What a run is made of; the steps get it with their own signal and voices added. */
export interface RunOptions {
  readonly steps: readonly Step[];
  readonly context: Omit<StepContext, 'signal' | 'results' | 'waiting' | 'warn' | 'copied'>;
  readonly journal: Journal;
  /** Aborted by the first interrupt: before the commit the run turns back, after it the run goes on to its end. */
  readonly interrupt: AbortSignal;
  /** Kept from other migrations of the same pod while this runs; removed when the migration has ended. */
  readonly lock: Pick<Lock, 'lost' | 'takenFrom' | 'unasked' | 'confirm' | 'remove' | 'leave'>;
  /** Takes back what was made for journal and lock themselves, after a complete way back. */
  readonly forget: (signal: AbortSignal) => Promise<void>;
}

/** A step whose act may have left something behind, with what it recorded before. */
export interface Begun {
  readonly step: Step;
  readonly undo: Json;
}

/** Whoever only looks waits for nothing and copies nothing. */
export const SILENT = { waiting: () => undefined, warn: () => undefined, copied: () => undefined };

/** A context to look around with: bound to no step, interruptible. */
export function lookingContext(options: RunOptions, results: StepResults): StepContext {
  const { context, interrupt } = options;
  return { ...context, results, signal: interrupt, ...SILENT };
}

/** The context of one step, with its voices. After the commit an interrupt no longer reaches it, a lost lock does. */
export function contextFor(options: RunOptions, step: Step, results: StepResults, forward: boolean): StepContext {
  const { reporter } = options.context;
  const about = { phase: step.phase, step: step.name };
  return {
    ...options.context,
    results,
    signal: forward ? options.lock.lost : options.interrupt,
    waiting: (why) => reporter.notify({ ...about, code: 'I406', text: `${step.title}: ${why}` }),
    warn: (text) => reporter.notify({ ...about, code: 'W421', text }),
    copied: (bytes, bytesPerSecond) =>
      reporter.notify({
        ...about,
        code: 'I407',
        text: `${step.title}: ${(bytes / 2 ** 20).toFixed(1)} MiB, ${(bytesPerSecond / 2 ** 20).toFixed(1)} MiB/s`,
        data: { bytes, bytesPerSecond },
      }),
  };
}

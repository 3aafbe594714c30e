import type { Progress } from '../src/report/progress.ts';
import type { Streams } from './streams.ts';

/** What a command line has told so far, for what is said when it fails. */
interface Told {
  readonly progress: Progress;
  readonly stop: () => void;
}

const told = new WeakMap<Streams, Told>();

/** Notes what is drawn for a command line, and how its run goes. */
export function telling(streams: Streams, what: Told): void {
  told.set(streams, what);
}

/** Ends what is drawn, and yields how far the run came; undefined when the command told nothing. Idempotent. */
export function endOutput(streams: Streams): Progress | undefined {
  const output = told.get(streams);
  output?.stop();
  return output?.progress;
}

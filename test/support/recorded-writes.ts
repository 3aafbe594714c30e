import { isCommitted } from '../../src/domain/standing.ts';
import { type JournalWrite, parseHeader, parseWrite } from '../../src/journal/record.ts';
import { recordedPlan } from '../../src/planner/recorded-plan.ts';

/** A write to the record of a move. */
export interface RecordedWrite {
  /** What it says: each entry’s step and kind, or the state of a write without entries. */
  readonly name: string;
  readonly steps: readonly string[];
  /** The name, and what this move changes in those steps: another kind of move may change something else in them. */
  readonly meaning: string;
  readonly committed: boolean;
}

/** Every write in a copy of a record, whose lines these are. Throws F350 for what is none. */
export function writesIn([first = '{}', ...lines]: readonly string[]): RecordedWrite[] {
  const header = parseHeader(JSON.parse(first), 'copy');
  const { effects } = recordedPlan({ ...header, serial: 0, state: 'running', entries: [] });
  const changesIn = (name: string): string => {
    const changes = effects.filter(({ step }) => step === name).map(({ verb, object }) => `${verb} ${object.kind}`);
    return [...new Set(changes)].toSorted().join(', ');
  };
  return lines.map(parse).map((write) => {
    const steps = [...new Set(write.entries.map(({ step }) => step))];
    const meaning = [nameOf(write), ...steps.map(changesIn)].join('; ');
    return { name: nameOf(write), steps, meaning, committed: isCommitted(write.state) };
  });
}

/** Whether the lines of a record have a write of that name. */
export const hasWrite =
  (name: string) =>
  ([, ...lines]: readonly string[]): boolean =>
    lines.some((line) => nameOf(parse(line)) === name);

function parse(line: string): JournalWrite {
  return parseWrite(JSON.parse(line), 'copy');
}

function nameOf({ entries, state }: JournalWrite): string {
  return entries.map(({ step, kind }) => `${step} ${kind}`).join(', ') || state;
}

import type { JournalEntryLike, JournalLike } from './record-view.ts';

/** One step of a past move on the clock. */
export interface TimelineStep {
  readonly step: string;
  /** Since the record began, in ms. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly outcome: 'done' | 'failed' | 'taken back' | 'not finished';
}

/** When each step began and ended, by the record's own times. Pure. */
export function timeline(record: JournalLike): TimelineStep[] {
  const start = Date.parse(record.createdAt);
  const at = (entry: JournalEntryLike): number => Date.parse(entry.time) - start;
  const end = Math.max(0, ...record.entries.map(at));
  const steps = new Map<string, TimelineStep>();
  for (const [index, entry] of record.entries.entries()) {
    const known = steps.get(entry.step);
    switch (entry.kind) {
      case 'intent':
        steps.set(entry.step, { step: entry.step, fromMs: at(entry), toMs: end, outcome: 'not finished' });
        break;
      case 'done':
      case 'commit':
        // The commit is its own announcement: it begins when what was before it has ended.
        steps.set(entry.step, {
          step: entry.step,
          fromMs: known?.fromMs ?? at(record.entries[index - 1] ?? entry),
          toMs: at(entry),
          outcome: 'done',
        });
        break;
      case 'failed':
        if (known) steps.set(entry.step, { ...known, toMs: at(entry), outcome: 'failed' });
        break;
      case 'reverted':
        if (known) steps.set(entry.step, { ...known, outcome: known.outcome === 'failed' ? 'failed' : 'taken back' });
        break;
      default:
        break;
    }
  }
  return [...steps.values()].toSorted((a, b) => a.fromMs - b.fromMs);
}

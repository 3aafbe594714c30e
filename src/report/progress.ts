import { PHASES, type Phase } from '../domain/phase.ts';
import type { Message } from './message.ts';

/** One step as far as it has come. */
export interface StepProgress {
  readonly name: string;
  readonly phase: Phase;
  readonly title: string;
  readonly state: 'running' | 'done' | 'failed' | 'taken back';
  /** When it began, in ms since the epoch. */
  readonly startedAt: number;
  /** How long it took, when it has ended. */
  readonly ms?: number;
  /** What it may have left behind was taken away again. */
  readonly takenBack?: true;
  /** What it waits for, how much it has copied. */
  readonly note?: string;
}

/** What a way back tells of the source at its end, in words; neither where it serves as before. */
export interface SourceNews {
  readonly change?: string;
  /** What has become of it is not known. */
  readonly unknown?: string;
}

/** A run as its messages tell it: one source for what is drawn and for what is said when it fails. */
export class Progress {
  readonly #steps = new Map<string, StepProgress>();
  #committed = false;
  #startedAt: number | undefined;
  #source: SourceNews = {};

  /** `now` in ms since the epoch. */
  take(message: Message, now: number): void {
    const { code, step: name, phase, text } = message;
    if (code === 'I408') this.#committed = true;
    this.#source = newsIn(message) ?? this.#source;
    if (name === undefined) return;
    if (code === 'I402' && phase) {
      this.#startedAt ??= now;
      this.#steps.set(name, { name, phase, title: text, state: 'running', startedAt: now });
      return;
    }
    const known = this.#steps.get(name);
    if (!known) return;
    if (code === 'I403') this.#end(known, 'done', now);
    else if (code === 'I404') this.#end(known, 'failed', now);
    else if (code === 'I405') {
      this.#end({ ...known, takenBack: true }, known.state === 'failed' ? 'failed' : 'taken back', now);
    }
    if (code === 'I406' || code === 'I407') {
      const note = text.startsWith(`${known.title}: `) ? text.slice(known.title.length + 2) : text;
      this.#steps.set(name, { ...known, note });
    }
  }

  /** In the order in which they began. */
  steps(): readonly StepProgress[] {
    return [...this.#steps.values()];
  }

  /** Steps by phase, for phases that have begun. */
  phases(): { readonly phase: Phase; readonly steps: readonly StepProgress[] }[] {
    const all = this.steps();
    const phases = PHASES.map((phase) => ({ phase, steps: all.filter((step) => step.phase === phase) }));
    // Few moves hold their source.
    return phases.filter(({ phase, steps }) => phase !== 'hold' || steps.length > 0);
  }

  committed(): boolean {
    return this.#committed;
  }

  /** What had become of the source when the way back had ended. */
  source(): SourceNews {
    return this.#source;
  }

  startedAt(): number | undefined {
    return this.#startedAt;
  }

  /** The step that a failure ended: the one that says so, else the last that had not come to its end. */
  stopped(): StepProgress | undefined {
    const all = this.steps();
    return all.find(({ state }) => state === 'failed') ?? all.findLast(({ state }) => state === 'running');
  }

  #end(step: StepProgress, state: StepProgress['state'], now: number): void {
    const { note: _note, ...rest } = step;
    this.#steps.set(step.name, { ...rest, state, ms: step.ms ?? now - step.startedAt });
  }
}

/** Undefined where the message tells nothing of the source. */
function newsIn({ code, data }: Message): SourceNews | undefined {
  if (code !== 'I410' && code !== 'W421') return undefined;
  const named = typeof data === 'object' && data !== null ? data : {};
  if ('change' in named && typeof named['change'] === 'string') return { change: named['change'] };
  if ('unknown' in named && typeof named['unknown'] === 'string') return { unknown: named['unknown'] };
  return code === 'I410' ? {} : undefined;
}

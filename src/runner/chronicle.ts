import { isTakenOver, type MigrateError } from '../domain/errors.ts';
import type { Json } from '../domain/json.ts';
import type { Journal, NewEntry } from '../journal/ports.ts';
import type { Step } from '../steps/step.ts';

/**
 * Tells the journal what a run does. The result of one step and the intent of the next are one write. The write comes
 * before the act wherever the way back or a resume rests on it. Acts that an earlier intent covers are told with the next
 * write that somebody has to wait for: within the freeze, where every write is downtime, that is the commit itself. They
 * bear the time at which they happened.
 */
export class Chronicle {
  readonly #journal: Journal;
  #pending: NewEntry[] = [];
  #beside: Promise<void>[] = [];
  #committed = false;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** Announces a step. Returns when the act may begin. Throws what the journal throws. */
  async intend(step: Step, undo: Json, covered: boolean): Promise<void> {
    const intent: NewEntry = { step: step.name, kind: 'intent', time: this.#journal.now(), data: undo };
    if (covered) this.#pending.push(intent);
    else await this.#write([intent]);
  }

  /** Notes a result; it is written with the next intent, and after the commit, when nobody waits any more, at once. */
  done(step: Step, result: Json): void {
    this.#pending.push({ step: step.name, kind: 'done', time: this.#journal.now(), data: result });
    if (this.#committed) this.#later(this.#write([]));
  }

  /** The guarded write that decides, and with it everything that was announced before it. */
  async commit(result: Json): Promise<void> {
    await this.#journal.commit(result, { before: this.#pending });
    this.#pending = [];
    this.#committed = true;
  }

  /** Writes what is left and ends the record, or leaves it where the source is held. Throws what the journal throws. */
  async close(state: 'done' | 'held' = 'done'): Promise<void> {
    this.#later(this.#write([]));
    await this.#settled();
    // What an earlier write did not bring there comes with this one.
    await this.#journal.close(state);
  }

  /**
   * Notes the failure. The journal may be what failed: then the way back matters more than the note about it. Throws only
   * what says that the record is somebody else’s.
   */
  async failed(step: Step, error: MigrateError): Promise<void> {
    await this.#settled();
    const data = { code: error.code, detail: error.detail };
    await this.#write([{ step: step.name, kind: 'failed', data }]).catch((failure: unknown) => {
      if (isTakenOver(failure)) throw failure;
    });
  }

  /** Waits for what is written beside the acts; where that fails, the next write tells. */
  async #settled(): Promise<void> {
    await Promise.allSettled(this.#beside);
    this.#beside = [];
  }

  #write(entries: readonly NewEntry[]): Promise<void> {
    const all = [...this.#pending, ...entries];
    this.#pending = [];
    return all.length === 0 ? Promise.resolve() : this.#journal.append(all);
  }

  #later(written: Promise<void>): void {
    written.catch(() => undefined);
    this.#beside.push(written);
  }
}

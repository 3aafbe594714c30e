/** Where the lab's lines for people go; results never go there. */
export type Say = (line: string) => void;

/** Writes a line to stderr. */
export const sayOnStderr: Say = (line) => {
  process.stderr.write(`${line}\n`);
};

/**
 * Counts the parts of a long piece of work and tells which one runs, how far that is, and how long it usually takes;
 * a part that takes long says every 20 s that it is alive.
 */
export class Progress {
  readonly #say: Say;
  readonly #total: number;
  readonly #start = Date.now();
  #count = 0;

  constructor(say: Say, total: number) {
    this.#say = say;
    this.#total = total;
  }

  /** Seconds since the work began. */
  get seconds(): number {
    return (Date.now() - this.#start) / 1000;
  }

  /** Runs one part. Passes on what it returns and throws. */
  async step<T>(what: string, usual: string, work: () => Promise<T>): Promise<T> {
    this.#count += 1;
    const place = `[${this.#count}/${this.#total}]`;
    const began = Date.now();
    const elapsed = () => `${((Date.now() - began) / 1000).toFixed(0)} s`;
    this.#say(`${place} ${what} (usually ${usual})`);
    const beat = setInterval(() => this.#say(`${place} ${what}: ${elapsed()} so far, usually ${usual}`), 20_000);
    try {
      const result = await work();
      if (Date.now() - began > 5_000) this.#say(`${place} ${what}: done after ${elapsed()}`);
      return result;
    } finally {
      clearInterval(beat);
    }
  }
}

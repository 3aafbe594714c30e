/** One line of a list to pick from. */
export interface Choice {
  /** What a flag would be given. */
  readonly value: string;
  /** Shown in the first column instead of the value. */
  readonly name?: string;
  /** What is worth knowing about it, in further columns. */
  readonly about?: readonly string[];
  /** `bad` cannot be picked; its reason is told instead. `pending` is not known yet, and can be picked. */
  readonly verdict?: 'good' | 'bad' | 'pending';
  /** Beside the mark of the verdict. */
  readonly reason?: string;
}

/** A list that may still be growing, or changing, while somebody types. */
export interface Choices {
  all(): readonly Choice[];
  /** False while more may come. */
  complete(): boolean;
  /** Why the list cannot be had, or is not whole; undefined when nothing is wrong. */
  problem(): string | undefined;
  /** Returns how to stop listening. */
  subscribe(listener: () => void): () => void;
}

/** A list that its maker fills: pages are added, entries replaced as more becomes known about them. */
export class GrowingChoices implements Choices {
  readonly #choices = new Map<string, Choice>();
  readonly #listeners = new Set<() => void>();
  #complete = false;
  #problem: string | undefined;
  #snapshot: readonly Choice[] | undefined;

  all(): readonly Choice[] {
    this.#snapshot ??= [...this.#choices.values()];
    return this.#snapshot;
  }

  complete(): boolean {
    return this.#complete;
  }

  problem(): string | undefined {
    return this.#problem;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Adds choices, or replaces those of the same value in their place. */
  put(choices: readonly Choice[]): void {
    for (const choice of choices) this.#choices.set(choice.value, choice);
    this.#changed();
  }

  /** No more will come; with what went wrong, if anything did. */
  end(problem?: string): void {
    this.#complete = true;
    this.#problem = problem;
    this.#changed();
  }

  #changed(): void {
    this.#snapshot = undefined;
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Those that have every word of what was typed, the ones that begin with it first. Pure. */
export function matching(choices: readonly Choice[], typed: string): readonly Choice[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const [first] = words;
  if (first === undefined) return choices;
  const found = choices.filter((choice) => {
    const text = [choice.name ?? choice.value, ...(choice.about ?? []), choice.reason ?? ''].join(' ').toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const starts = (choice: Choice) => (choice.name ?? choice.value).toLowerCase().startsWith(first);
  return [...found.filter(starts), ...found.filter((choice) => !starts(choice))];
}

import type { Argv } from 'yargs';
import type { Outcome } from '../src/domain/errors.ts';
import type { Streams } from './streams.ts';

/**
 * One command of the program. `complete` asks at the terminal for what flags leave open, `validate` is pure and yields
 * every complaint about the command line, `run` gets the request and never argv.
 * Every definition is loaded at each start, so it imports what it asks and runs with only then: `await import(…)`.
 */
export interface CommandDefinition<Options> {
  /** As yargs takes it: `pod [name]`. */
  readonly usage: string;
  /** The command that this one belongs to: `config` for `config view`. */
  readonly under?: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** More than the summary, for the command's own help. */
  readonly description?: string;
  /** Command lines that work as they are, each with what it does. */
  readonly examples: readonly (readonly [string, string])[];
  /** Declares positionals and flags. */
  arguments(yargs: Argv): Argv<Options>;
  /** Called only with a terminal on both sides. Yields what was picked, by flag; throws F306 when somebody ends it. */
  complete?(options: Options, streams: Streams): Promise<Readonly<Record<string, string>>>;
  validate(options: Options): string[];
  run(options: Options, streams: Streams): Promise<Outcome>;
}

/** Commands of different options in one list; each gets from yargs what its own `arguments` declared. */
export type AnyCommand = CommandDefinition<object>;

/** Only for inference: the options follow from `arguments`. */
export function defineCommand<Options>(definition: CommandDefinition<Options>): CommandDefinition<Options> {
  return definition;
}

/** The word that a command is called by: `pod` of `pod [name]`. Pure. */
export function commandWord({ usage }: Pick<AnyCommand, 'usage'>): string {
  return usage.split(' ')[0] ?? '';
}

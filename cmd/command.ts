import type { Argv } from 'yargs';
import type { Outcome } from '../src/domain/errors.ts';
import type { Streams } from './streams.ts';

/**
 * One command of the program. `complete` fills in what flags leave open, `validate` is pure and yields every complaint
 * about the command line, `run` gets the request and never argv.
 */
export interface CommandDefinition<Options> {
  /** As yargs takes it: `pod [name]`. */
  readonly usage: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly examples: readonly (readonly [string, string])[];
  /** Declares positionals and flags. */
  arguments(yargs: Argv): Argv<Options>;
  validate(options: Options): string[];
  run(options: Options, streams: Streams): Promise<Outcome>;
}

/** Only for inference: the options follow from `arguments`. */
export function defineCommand<Options>(definition: CommandDefinition<Options>): CommandDefinition<Options> {
  return definition;
}

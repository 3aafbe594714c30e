import yargs, { type Argv } from 'yargs';
import type { CommandDefinition } from './command.ts';

/** How a word is recognized again in a command line that was parsed. */
const MARKED = 'the command word';

/**
 * The command line with its command in front: flags may stand before it, and kubectl's `TYPE/NAME` as one word is the
 * command TYPE with that argument. Which word is no value of a flag is decided by the flags themselves. Pure.
 */
export function commandFirst(words: readonly string[], commands: readonly CommandDefinition<object>[]): string[] {
  const word = positional(words, commands);
  if (word === undefined) return [...words];
  const [, type] = /^(pods?|po)\/./.exec(word) ?? [];
  if (type !== undefined) return [type, ...words];
  const known = commands.flatMap(({ usage, aliases = [] }) => [usage.split(' ')[0], ...aliases]);
  const at = words.findIndex(
    (each, index) => each === word && positional(words.with(index, MARKED), commands) === MARKED,
  );
  return known.includes(word) && at > 0 ? [word, ...words.toSpliced(at, 1)] : [...words];
}

/** The first word that is neither a flag nor its value; undefined where there is none, or the flags are not understood. */
function positional(words: readonly string[], commands: readonly CommandDefinition<object>[]): string | undefined {
  const bare: Argv = yargs([])
    .detectLocale(false)
    .parserConfiguration({ 'duplicate-arguments-array': false, 'parse-positional-numbers': false })
    .help(false)
    .version(false)
    .exitProcess(false)
    .fail(false)
    .boolean(['help', 'h']);
  try {
    const [first] = commands.reduce<Argv>((flags, command) => command.arguments(flags), bare).parseSync([...words])._;
    return first === undefined ? undefined : String(first);
  } catch {
    return undefined;
  }
}

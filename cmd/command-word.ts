import type { Argv } from 'yargs';
import { type AnyCommand, commandWord } from './command.ts';
import { bareParser } from './introspect.ts';

/** How a word is recognized again in a command line that was parsed. */
const MARKED = 'the command word';
/** What is meant by a command line without a command. */
const DEFAULT_COMMAND = 'pod';

/**
 * The command line with its command in front: flags may stand before it, and kubectl's `TYPE/NAME` as one word is the
 * command TYPE with that argument. Without any word it is the pickers' command, unless help is asked for. Which word is no
 * value of a flag is decided by the flags themselves. Pure.
 */
export function commandFirst(words: readonly string[], commands: readonly AnyCommand[]): string[] {
  const { understood, word } = positional(words, commands);
  const help = words.some((each) => each === '--help' || each === '-h');
  if (word === undefined) return understood && !help ? [DEFAULT_COMMAND, ...words] : [...words];
  const [, type] = /^(pods?|po)\/./.exec(word) ?? [];
  if (type !== undefined) return [type, ...words];
  const known = commands.flatMap((command) => [command.under ?? commandWord(command), ...(command.aliases ?? [])]);
  const at = words.findIndex(
    (each, index) => each === word && positional(words.with(index, MARKED), commands).word === MARKED,
  );
  return known.includes(word) && at > 0 ? [word, ...words.toSpliced(at, 1)] : [...words];
}

/** The first word that is neither a flag nor its value; none is understood where the flags are not. */
function positional(words: readonly string[], commands: readonly AnyCommand[]): { understood: boolean; word?: string } {
  const bare = bareParser().boolean(['help', 'h']);
  try {
    const parser = commands.reduce<Argv>((flags, command) => command.arguments(flags), bare);
    const [first] = parser.parseSync([...words])._;
    return first === undefined ? { understood: true } : { understood: true, word: String(first) };
  } catch {
    return { understood: false };
  }
}

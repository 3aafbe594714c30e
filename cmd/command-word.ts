import { type AnyCommand, commandWord } from './command.ts';
import { flagsOfCommand } from './introspect.ts';

/** What is meant by a command line without a command. */
const DEFAULT_COMMAND = 'pod';

/**
 * The command line with its command in front: flags may stand before it, and kubectl's `TYPE/NAME` as one word is the
 * command TYPE with that argument. Without any word it is the pickers' command, unless help is asked for. Which word is no
 * value of a flag is decided by the flags themselves. Pure.
 */
export function commandFirst(words: readonly string[], commands: readonly AnyCommand[]): string[] {
  const at = firstWord(words, commands);
  const word = words[at];
  if (word === undefined) {
    const help = words.some((each) => each === '--help' || each === '-h');
    return help ? [...words] : [DEFAULT_COMMAND, ...words];
  }
  const [, type] = /^(pods?|po)\/./.exec(word) ?? [];
  if (type !== undefined) return [type, ...words];
  const known = commands.flatMap((command) => [command.under ?? commandWord(command), ...(command.aliases ?? [])]);
  return known.includes(word) && at > 0 ? [word, ...words.toSpliced(at, 1)] : [...words];
}

/** Where the first word is that is neither a flag nor its value; -1 where there is none. */
function firstWord(words: readonly string[], commands: readonly AnyCommand[]): number {
  // Declaring the flags of every command takes a third of a start; most command lines are understood without.
  let silent: ReadonlySet<string> | undefined;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === '--') return at + 1 < words.length ? at + 1 : -1;
    if (!word.startsWith('-') || word === '-') return at;
    const name = word.replace(/^-+/, '');
    if (name.includes('=') || name === 'help' || name === 'h') continue;
    silent ??= flagsWithoutValue(commands);
    if (!silent.has(name)) at++;
  }
  return -1;
}

function flagsWithoutValue(commands: readonly AnyCommand[]): ReadonlySet<string> {
  const flags = commands.flatMap(flagsOfCommand).filter(({ type }) => type === 'boolean' || type === 'count');
  return new Set(flags.flatMap(({ name, aliases }) => [name, ...aliases]));
}

import { COMMAND } from '../src/domain/names.ts';

/**
 * The command line that says what was picked: the words that were given, with the picked ones added. `words` begins with
 * the command, which is `depth` words long. Pure.
 */
export function equivalentCommand(
  words: readonly string[],
  picked: Readonly<Record<string, string>>,
  { positional, depth }: { readonly positional: string; readonly depth: number },
): string {
  const [command, given] = [words.slice(0, depth), words.slice(depth)];
  const { [positional]: name, ...flags } = picked;
  const added = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  return [...COMMAND.split(' '), ...command, ...(name === undefined ? [] : [name]), ...given, ...added]
    .map(quoted)
    .join(' ');
}

/** As a POSIX shell reads it back. Pure. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

import { COMMAND } from '../src/domain/names.ts';
import { wrapped } from '../src/ui/format.ts';
import type { AnyCommand } from './command.ts';
import { commandWord } from './command.ts';
import { ACCESS_GROUPS } from './flags/clusters.ts';
import { type FlagInfo, flagsOfCommand } from './introspect.ts';

const WIDEST = 100;

export interface HelpTexts {
  readonly commands: readonly AnyCommand[];
  /** Commands that have others under them, with what they are about. */
  readonly parents: Readonly<Record<string, string>>;
}

/** The page of the program: what it is for, examples, commands. `columns` is the width of the terminal. Pure. */
export function rootHelp({ commands, parents }: HelpTexts, columns: number): string {
  const flat = commands.filter(({ under }) => under === undefined);
  const list = [
    ...flat.map((command): Row => [commandWord(command), command.summary]),
    ...Object.entries(parents).map(([parent, summary]): Row => [parent, summary]),
  ];
  return page([
    paragraph(
      'Moves running pods, memory and all, to another node or cluster.\nWithout a command it asks what to move, and where to.',
      columns,
    ),
    examples(firstSteps(commands)),
    `Commands:\n${rows(list, columns)}`,
    `Usage:\n  ${COMMAND} [COMMAND] [flags]`,
    paragraph(
      `Use "${COMMAND} COMMAND --help" for more about a command.\nUse "${COMMAND} options" for flags that all of them take.`,
      columns,
    ),
  ]);
}

/** What somebody types first, in the order in which it is typed, with how many examples of each. */
const FIRST_STEPS = { doctor: 1, pod: 3, apply: 1, status: 1, rollback: 1 };

function firstSteps(commands: readonly AnyCommand[]) {
  return Object.entries(FIRST_STEPS).flatMap(([word, count]) =>
    commands
      .filter((command) => command.under === undefined && commandWord(command) === word)
      .flatMap((command) => command.examples.slice(0, count)),
  );
}

/** The page of a command that has others under it. Pure. */
export function parentHelp(parent: string, { commands, parents }: HelpTexts, columns: number): string {
  const children = commands.filter(({ under }) => under === parent);
  return page([
    parents[parent] ?? '',
    examples(children.flatMap((command) => command.examples)),
    `Commands:\n${rows(
      children.map((command) => [commandWord(command), command.summary]),
      columns,
    )}`,
    `Usage:\n  ${COMMAND} ${parent} COMMAND [flags]`,
  ]);
}

/** The page of one command: what it does, examples, its flags by group, how it is written. Pure. */
export function commandHelp(command: AnyCommand, columns: number): string {
  const flags = flagsOfCommand(command);
  const shown = flags.filter(({ group }) => !ACCESS_GROUPS.includes(group));
  const more =
    shown.length < flags.length ? `Use "${COMMAND} options" for flags that say\nhow each cluster is reached.` : '';
  return page([
    paragraph(command.description ?? command.summary, columns),
    command.examples.length > 0 ? examples(command.examples) : '',
    command.aliases ? `Aliases:\n  ${[commandWord(command), ...command.aliases].join(', ')}` : '',
    ...flagGroups(shown, columns),
    `Usage:\n  ${[COMMAND, command.under, usageWords(command)].filter(Boolean).join(' ')} [flags]`,
    more,
  ]);
}

/** Flags by group, in the order in which groups first appear. Pure. */
export function flagGroups(flags: readonly FlagInfo[], columns: number): string[] {
  const groups = [...new Set(flags.map(({ group }) => group))].toSorted((a, b) => rank(a) - rank(b));
  return groups.map((group) => `${group}\n${rows(flags.filter((flag) => flag.group === group).map(flagRow), columns)}`);
}

const ORDER = ['Source:', 'Target:', 'Options:'];

function rank(group: string): number {
  const at = ORDER.indexOf(group);
  return at === -1 ? ORDER.length : at;
}

/** `[name]` as kubectl writes it: `[NAME]`. */
function usageWords({ usage }: AnyCommand): string {
  return usage.replace(/(?<=[[<])[\w.-]+(?=[\]>])/g, (name) => name.toUpperCase()).replace(/<([^>]+)>/g, '$1');
}

type Row = readonly [string, string];

function flagRow(flag: FlagInfo): Row {
  const short = flag.aliases.find((alias) => alias.length === 1);
  const name = flag.name.length === 1 ? `-${flag.name}` : `${short ? `-${short}, ` : '    '}--${flag.name}`;
  const value =
    flag.type === 'boolean' || flag.type === 'count'
      ? ''
      : `=${flag.choices.length > 0 ? flag.choices.join('|') : '…'}`;
  const preset =
    flag.default === undefined || flag.default === false || flag.default === 0
      ? ''
      : ` (default: ${String(flag.default)})`;
  return [`${name}${value}`, `${flag.describe}${preset}`];
}

function rows(list: readonly Row[], columns: number): string {
  const width = Math.min(columns, WIDEST);
  const first = Math.min(34, Math.max(...list.map(([name]) => name.length)) + 2);
  return list.map(([name, text]) => row(name, text, first, width)).join('\n');
}

/** A name that is too long for its column gets a line of its own; texts are broken between words. */
function row(name: string, text: string, first: number, width: number): string {
  const lines = wrapped(text, width - 2 - first);
  const indent = `\n${' '.repeat(2 + first)}`;
  const head = name.length + 2 > first ? `  ${name}${indent}` : `  ${name.padEnd(first)}`;
  return head + lines.join(indent);
}

/** A text of several lines, none of which is wider than the terminal. */
function paragraph(text: string, columns: number): string {
  const width = Math.min(columns, WIDEST);
  return text
    .split('\n')
    .flatMap((line) => wrapped(line, width))
    .join('\n');
}

function examples(lines: readonly (readonly [string, string])[]): string {
  const shown = lines.map(([line, what]) => `  # ${what}\n  ${line.replace('$0', COMMAND)}`);
  return `Examples:\n${shown.join('\n\n')}`;
}

function page(parts: readonly string[]): string {
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}

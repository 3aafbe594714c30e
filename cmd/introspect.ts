import yargs, { type Argv } from 'yargs';
import type { AnyCommand } from './command.ts';

/** A flag as a command declares it. */
export interface FlagInfo {
  /** Without dashes. */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly type: 'string' | 'boolean' | 'number' | 'array' | 'count';
  readonly choices: readonly string[];
  readonly describe: string;
  readonly group: string;
  readonly default: unknown;
}

interface Declared {
  readonly key: Readonly<Record<string, unknown>>;
  readonly alias: Readonly<Record<string, readonly string[]>>;
  readonly choices: Readonly<Record<string, readonly unknown[]>>;
  readonly default: Readonly<Record<string, unknown>>;
  readonly boolean: readonly string[];
  readonly number: readonly string[];
  readonly array: readonly string[];
  readonly count: readonly string[];
}

/** What yargs knows of its options and does not type. */
interface Inside {
  getOptions(): Declared;
  getGroups(): Readonly<Record<string, readonly string[]>>;
  getInternalMethods(): { getUsageInstance(): { getDescriptions(): Readonly<Record<string, string | undefined>> } };
}

/** As kubectl does: each use of a flag has one value, and `--no-x` is no other spelling of `--x=false`. */
const PARSING_OF_FLAGS = {
  'greedy-arrays': false,
  'parse-positional-numbers': false,
  'boolean-negation': false,
};
export const PARSING = { ...PARSING_OF_FLAGS, 'camel-case-expansion': false };

/** As kubectl does: of a flag that is given twice the last one counts, unless it is one that may be repeated. */
export function lastOfEach<T extends object>(given: T, declared: Argv<unknown>): T {
  const repeatable = new Set((declared as unknown as Inside).getOptions().array);
  const last = ([name, value]: [string, unknown]) =>
    Array.isArray(value) && name !== '_' && !repeatable.has(name) ? [name, value.at(-1)] : [name, value];
  return Object.fromEntries(Object.entries(given).map(last)) as T;
}

/** A parser that neither prints nor ends the process, with what all commands have in common. */
export function bareParser(): Argv {
  return yargs([])
    .detectLocale(false)
    .parserConfiguration(PARSING_OF_FLAGS)
    .help(false)
    .version(false)
    .exitProcess(false)
    .fail(false);
}

/** The flags of a command, with those that every command has. */
export function declareFlags(parser: Argv, command: AnyCommand): Argv<object> {
  return command
    .arguments(parser)
    .option('quiet', { alias: 'q', type: 'boolean', default: false, describe: 'tell warnings and the result only' })
    .option('v', {
      type: 'number',
      default: 0,
      describe: '4: where an error came from, 6: requests to API servers too',
    });
}

/** The flags of a command, in the order of their names. For completion, settings, suggestions and reference pages. */
export function flagsOfCommand(command: AnyCommand): FlagInfo[] {
  const inside = declareFlags(bareParser(), command) as unknown as Inside;
  const declared = inside.getOptions();
  const described = inside.getInternalMethods().getUsageInstance().getDescriptions();
  const groups = Object.entries(inside.getGroups());
  const positionals = new Set([...command.usage.matchAll(/[[<]([\w-]+)/g)].map(([, name]) => name));
  const aliases = new Set(Object.values(declared.alias).flat());
  const names = Object.keys(declared.key).filter((name) => !positionals.has(name) && !aliases.has(name));
  return names.toSorted().map((name) => ({
    name,
    aliases: declared.alias[name] ?? [],
    type: typeOf(declared, name),
    choices: (declared.choices[name] ?? []).map(String),
    describe: (described[name] ?? '').replace(/^__yargsString__:/, ''),
    group: groups.find(([, flags]) => flags.includes(name))?.[0] ?? 'Options:',
    default: declared.default[name],
  }));
}

function typeOf(declared: Declared, name: string): FlagInfo['type'] {
  for (const type of ['array', 'boolean', 'number', 'count'] as const) {
    if (declared[type].includes(name)) return type;
  }
  return 'string';
}

import yargs, { type Argv } from 'yargs';
import { asMigrateError, EXIT, MigrateError, type Outcome } from '../src/domain/errors.ts';
import { COMMAND } from '../src/domain/names.ts';
import { renderError } from '../src/ui/plan-view.ts';
import { readable, terminalOf } from '../src/ui/terminal.ts';
import { type AnyCommand, commandWord } from './command.ts';
import { commandFirst } from './command-word.ts';
import { COMMANDS, PARENTS } from './commands/index.ts';
import { equivalentCommand } from './equivalent.ts';
import { commandHelp, parentHelp, rootHelp } from './help.ts';
import { flagsOfCommand, PARSING } from './introspect.ts';
import { isInteractive, type Streams } from './streams.ts';
import { nearest } from './suggest.ts';

/** How a command ended: an outcome, or what it threw. */
type Ended = { readonly outcome: Outcome } | { readonly thrown: unknown };

/** Runs one command line and yields the exit code. Never throws and never ends the process. */
export async function runCommandLine(argv: readonly string[], streams: Streams): Promise<number> {
  const ended = await parseAndRun(argv, streams);
  if ('outcome' in ended) return EXIT[ended.outcome];
  const error = asMigrateError(ended.thrown);
  report(error, wantsStructure(argv), streams);
  return EXIT[error.outcome];
}

async function parseAndRun(argv: readonly string[], streams: Streams): Promise<Ended> {
  const state: { ended?: Ended } = {};
  const words = commandFirst(argv.flatMap(normalized), COMMANDS);
  const help = helpOf(words, streams);
  if (help !== undefined) {
    streams.stdout.write(help);
    return { outcome: 'done' };
  }
  try {
    await rootParser(words, streams, state).parseAsync(words);
    return state.ended ?? { outcome: 'done' };
  } catch (complaint) {
    // Commands hand over what they throw themselves; what arrives here is about the command line.
    const text = complaint instanceof Error ? complaint.message : String(complaint);
    return { thrown: usage(withSuggestion(text, words), helpFor(words)) };
  }
}

function rootParser(words: readonly string[], streams: Streams, state: { ended?: Ended }): Argv {
  const parser = yargs([])
    .scriptName(COMMAND)
    .detectLocale(false)
    .parserConfiguration(PARSING)
    .strict()
    .demandCommand(1, 1, 'what should be done? name a command', 'one command at a time')
    .recommendCommands()
    .version(false)
    .help(false)
    .exitProcess(false)
    .fail(false);
  const flat = COMMANDS.filter(({ under }) => under === undefined);
  const withCommands = flat.reduce<Argv>(
    (built, command) => addCommand(built, command, { words, streams, state }),
    parser,
  );
  return Object.entries(PARENTS).reduce<Argv>((built, [parent, summary]) => {
    const children = COMMANDS.filter(({ under }) => under === parent);
    return built.command(parent, summary, (nested) =>
      children
        .reduce<Argv>((inner, command) => addCommand(inner, command, { words, streams, state }), nested)
        .demandCommand(1, 1, `name one of: ${children.map(commandWord).join(', ')}`, 'one command at a time'),
    );
  }, withCommands);
}

interface Run {
  readonly words: readonly string[];
  readonly streams: Streams;
  readonly state: { ended?: Ended };
}

function addCommand(parser: Argv, command: AnyCommand, { words, streams, state }: Run): Argv {
  return parser.command(
    [command.usage, ...(command.aliases ?? [])],
    command.summary,
    (flags) => command.arguments(flags as Argv),
    async (given) => {
      try {
        const options = await completed(command, given, words, streams);
        const complaints = command.validate(options);
        if (complaints.length > 0) throw usage(complaints.join('\n'), fullWord(command));
        state.ended = { outcome: await command.run(options, streams) };
      } catch (thrown) {
        state.ended = { thrown };
      }
    },
  );
}

/** With what was picked where flags are missing; the command line that would have said the same is told. */
async function completed(
  command: AnyCommand,
  given: object,
  words: readonly string[],
  streams: Streams,
): Promise<object> {
  const picked = isInteractive(streams) ? await command.complete?.(given, streams) : undefined;
  if (picked === undefined || Object.keys(picked).length === 0) return given;
  const [, positional = ''] = /[[<]([\w-]+)/.exec(command.usage) ?? [];
  streams.stderr.write(`${equivalentCommand(words, picked, positional)}\n`);
  return { ...given, ...picked };
}

function fullWord(command: AnyCommand): string {
  return [command.under, commandWord(command)].filter(Boolean).join(' ');
}

/** yargs takes `-ojson` for five flags, kubectl for one with its value; a bare `--dry-run` means that of the client. */
function normalized(word: string): string[] {
  if (word === '--dry-run') return ['--dry-run=client'];
  const [, flag, value] = /^(-[on])([^=].*)$/.exec(word) ?? [];
  return flag !== undefined && value !== undefined ? [flag, value] : [word];
}

/** The page that was asked for with --help or -h, on whichever level; undefined when none was. */
function helpOf(words: readonly string[], { stdout, env }: Streams): string | undefined {
  const end = words.indexOf('--');
  if (!words.slice(0, end === -1 ? undefined : end).some((word) => word === '--help' || word === '-h'))
    return undefined;
  const terminal = terminalOf(stdout, env);
  const texts = { commands: COMMANDS, parents: PARENTS };
  const command = commandOf(words);
  const [first = ''] = words;
  const text = command
    ? commandHelp(command, terminal.columns())
    : first in PARENTS
      ? parentHelp(first, texts, terminal.columns())
      : rootHelp(texts, terminal.columns());
  return terminal.live ? readable(text, terminal) : text;
}

/** An unknown flag is told with the one that was meant. */
function withSuggestion(complaint: string, words: readonly string[]): string {
  const [, unknown] = /^Unknown arguments?: (.*)$/.exec(complaint) ?? [];
  if (unknown === undefined) return complaint;
  const command = commandOf(words);
  const known = command ? flagsOfCommand(command).map(({ name }) => name) : COMMANDS.map(commandWord);
  const meant = unknown.split(', ').flatMap((word) => nearest(word.replace(/^-+/, ''), known) ?? []);
  const flags = [...new Set(meant)].map((name) => (command ? `--${name}` : name));
  return flags.length > 0 ? `${complaint}\ndid you mean ${flags.join(', ')}?` : complaint;
}

function commandOf(words: readonly string[]): AnyCommand | undefined {
  const [first = '', second] = words;
  return COMMANDS.find((command) =>
    command.under === undefined
      ? commandWord(command) === first || command.aliases?.includes(first)
      : command.under === first && commandWord(command) === second,
  );
}

function helpFor(words: readonly string[]): string {
  const command = commandOf(words);
  return command ? fullWord(command) : '';
}

function usage(detail: string, command: string): MigrateError {
  const help = [COMMAND, command, '--help'].filter(Boolean).join(' ');
  return new MigrateError('F301', { detail, remedy: `see ${help}`, outcome: 'usage' });
}

/** Read from the raw words, because a command line that cannot be parsed is answered in the same form. */
function wantsStructure(argv: readonly string[]): boolean {
  return /(^| )(-[a-z]*o|--output)[ =]?(json|yaml)( |$)/.test(argv.join(' '));
}

/** With -o json or yaml the failure is the result: stdout stays parseable (JSON is YAML as well). */
function report(error: MigrateError, structured: boolean, streams: Streams): void {
  if (!structured) {
    streams.stderr.write(renderError(error));
    return;
  }
  const { code, message: summary, detail, remedy, outcome, findings } = error;
  streams.stdout.write(`${JSON.stringify({ error: { code, summary, detail, remedy, outcome, findings } }, null, 2)}\n`);
}

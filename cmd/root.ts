import yargs, { type Argv } from 'yargs';
import { asMigrateError, EXIT, MigrateError, type Outcome } from '../src/domain/errors.ts';
import { COMMAND } from '../src/domain/names.ts';
import { type Situation, situationOf } from '../src/report/situation.ts';
import { renderError, renderTrace } from '../src/ui/error-view.ts';
import { shownOn, terminalOf, widthOf } from '../src/ui/terminal.ts';
import { type AnyCommand, commandWord } from './command.ts';
import { commandFirst } from './command-word.ts';
import { COMMANDS, PARENTS } from './commands/index.ts';
import { equivalentCommand } from './equivalent.ts';
import { commandHelp, parentHelp, rootHelp } from './help.ts';
import { declareFlags, flagsOfCommand, lastOfEach, PARSING } from './introspect.ts';
import { loadSettings, type Setting, withSettings } from './settings.ts';
import { isInteractive, type Streams } from './streams.ts';
import { nearest } from './suggest.ts';
import { endOutput } from './told.ts';

/** How a command ended: an outcome, or what it threw. */
type Ended = { readonly outcome: Outcome } | { readonly thrown: unknown };

/** What kubectl calls a plugin with when somebody presses Tab. */
const COMPLETE_WORD = '__complete';
/** From this -v on a failure is told with where in the program it came from. */
const TRACE_LEVEL = 4;

/** Runs one command line and yields the exit code. Never throws and never ends the process. */
export async function runCommandLine(argv: readonly string[], given: Streams): Promise<number> {
  const streams = { ...given, volume: volumeOf(argv) };
  const [first, ...rest] = argv;
  if (first === COMPLETE_WORD) {
    const { answerTab } = await import('./completion/index.ts');
    await answerTab(rest, streams);
    return EXIT.done;
  }
  const ended = await parseAndRun(argv, streams);
  const progress = endOutput(streams);
  if ('outcome' in ended) return EXIT[ended.outcome];
  const error = asMigrateError(ended.thrown);
  const situation = progress && situationOf(error, progress);
  report(error, situation, { structured: wantsStructure(argv), streams });
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
  let settings: readonly Setting[];
  try {
    settings = await loadSettings(COMMANDS, streams.env);
  } catch (thrown) {
    return { thrown };
  }
  try {
    await rootParser({ words, streams, state, settings }).parseAsync(words);
    return state.ended ?? { outcome: 'done' };
  } catch (complaint) {
    // Commands hand over what they throw themselves; what arrives here is about the command line.
    const text = complaint instanceof Error ? complaint.message : String(complaint);
    return { thrown: usage(unknownChild(words) ?? withSuggestion(text, words), helpFor(words)) };
  }
}

function rootParser(invocation: Invocation): Argv {
  const parser = yargs([])
    .scriptName(COMMAND)
    .detectLocale(false)
    .parserConfiguration(PARSING)
    .strict()
    .demandCommand(1, 1, 'what should be done? name a command', 'one command at a time')
    .version(false)
    .help(false)
    .exitProcess(false)
    .fail(false);
  const flat = COMMANDS.filter(({ under }) => under === undefined);
  const withCommands = flat.reduce<Argv>((built, command) => addCommand(built, command, invocation), parser);
  return Object.entries(PARENTS).reduce<Argv>((built, [parent, summary]) => {
    const children = COMMANDS.filter(({ under }) => under === parent);
    return built.command(parent, summary, (nested) =>
      children
        .reduce<Argv>((inner, command) => addCommand(inner, command, invocation), nested)
        .demandCommand(1, 1, `name one of: ${children.map(commandWord).join(', ')}`, 'one command at a time'),
    );
  }, withCommands);
}

interface Invocation {
  readonly words: readonly string[];
  readonly streams: Streams;
  readonly settings: readonly Setting[];
  readonly state: { ended?: Ended };
}

function addCommand(parser: Argv, command: AnyCommand, { words, streams, state, settings }: Invocation): Argv {
  return parser.command(
    [command.usage, ...(command.aliases ?? [])],
    command.summary,
    (flags) => withSettings(declareFlags(flags as Argv, command), command, settings),
    async (given) => {
      try {
        const options = await completed(command, lastOfEach(given, parser), words, streams);
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
  streams.stderr.write(
    `${equivalentCommand(words, picked, { positional, depth: command.under === undefined ? 1 : 2 })}\n`,
  );
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
  const columns = terminalOf(stdout, env).columns();
  const texts = { commands: COMMANDS, parents: PARENTS };
  const command = commandOf(words);
  const [first = ''] = words;
  const text = command
    ? commandHelp(command, columns)
    : first in PARENTS
      ? parentHelp(first, texts, columns)
      : rootHelp(texts, columns);
  return shownOn(stdout, text, env);
}

/** A second word that is none of its parent's commands; yargs would count the words. Undefined where that is not the case. */
function unknownChild([parent = '', child = '']: readonly string[]): string | undefined {
  const known = COMMANDS.filter(({ under }) => under === parent).map(commandWord);
  if (known.length === 0 || child === '' || child.startsWith('-') || known.includes(child)) return undefined;
  const near = nearest(child, known);
  const suggestion = near === undefined ? `name one of: ${known.join(', ')}` : `did you mean ${near}?`;
  return `${parent} has no command ${child}\n${suggestion}`;
}

/** An unknown flag is told with the one that was meant. */
function withSuggestion(complaint: string, words: readonly string[]): string {
  const [, unknown] = /^Unknown arguments?: (.*)$/.exec(complaint) ?? [];
  if (unknown === undefined) return complaint;
  const command = commandOf(words);
  const names = [...COMMANDS.filter(({ under }) => under === undefined).map(commandWord), ...Object.keys(PARENTS)];
  const known = command ? flagsOfCommand(command).map(({ name }) => name) : names;
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

/** From the raw words as well: how much is told matters before they are understood. */
function volumeOf(argv: readonly string[]): { quiet: boolean; verbosity: number } {
  const [, level = '0'] = /(?:^| )--?v[ =]?(\d+)(?: |$)/.exec(argv.join(' ')) ?? [];
  return { quiet: argv.some((word) => word === '--quiet' || word === '-q'), verbosity: Number(level) };
}

interface Reporting {
  readonly structured: boolean;
  readonly streams: Streams;
}

/** With -o json or yaml the failure is the result: stdout stays parseable (JSON is YAML as well). */
function report(error: MigrateError, situation: Situation | undefined, { structured, streams }: Reporting): void {
  if ((streams.volume?.verbosity ?? 0) >= TRACE_LEVEL) streams.stderr.write(renderTrace(error));
  if (!structured) {
    streams.stderr.write(
      shownOn(streams.stderr, renderError(error, situation, widthOf(streams.stderr, streams.env)), streams.env),
    );
    return;
  }
  const { code, message: summary, detail, remedy, outcome, findings } = error;
  const { serves, text: now, step } = situation ?? {};
  const where = situation && { step: step && { name: step.name, phase: step.phase }, serves, now };
  const told = { code, summary, detail, remedy, outcome, findings, ...where };
  streams.stdout.write(`${JSON.stringify({ error: told }, null, 2)}\n`);
}

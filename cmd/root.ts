import yargs, { type Argv } from 'yargs';
import { asMigrateError, EXIT, MigrateError, type Outcome } from '../src/domain/errors.ts';
import { COMMAND } from '../src/domain/names.ts';
import { renderError } from '../src/ui/plan-view.ts';
import type { CommandDefinition } from './command.ts';
import { commandFirst } from './command-word.ts';
import { podCommand } from './commands/pod.ts';
import { versionCommand } from './commands/version.ts';
import type { Streams } from './streams.ts';

const COMMANDS = [podCommand, versionCommand] as unknown as readonly CommandDefinition<object>[];

/** How a command ended: an outcome, or what it threw. */
type Ended = { readonly outcome: Outcome } | { readonly thrown: unknown };

/** Runs one command line and yields the exit code. Never throws and never ends the process. */
export async function runCommandLine(argv: readonly string[], streams: Streams): Promise<number> {
  const state: { ended?: Ended } = {};
  const parser = COMMANDS.reduce<Argv>(
    (built, command) => addCommand(built, command, streams, state),
    yargs([]).scriptName(COMMAND).usage('$0 COMMAND\n\nMoves running pods, memory and all.'),
  )
    .detectLocale(false)
    // As kubectl does: the last one of a flag that is given twice counts.
    .parserConfiguration({ 'duplicate-arguments-array': false })
    .strict()
    .demandCommand(1, 1, 'what should be done? name a command', 'one command at a time')
    .recommendCommands()
    .version(false)
    .help('help')
    .alias('help', 'h')
    .wrap(100)
    .exitProcess(false)
    .fail(false);
  let printed = '';
  try {
    await parser.parseAsync(commandFirst(argv.flatMap(withoutGlue), COMMANDS), {}, (_error, _argv, text) => {
      printed = text;
    });
    if (printed) streams.stdout.write(`${printed}\n`);
    state.ended ??= { outcome: 'done' };
  } catch (complaint) {
    // Commands hand over what they throw themselves; what arrives here is about the command line.
    state.ended = { thrown: usage(complaint instanceof Error ? complaint.message : String(complaint)) };
  }
  if ('outcome' in state.ended) return EXIT[state.ended.outcome];
  const error = asMigrateError(state.ended.thrown);
  report(error, wantsStructure(argv), streams);
  return EXIT[error.outcome];
}

function addCommand(
  parser: Argv,
  command: CommandDefinition<object>,
  streams: Streams,
  state: { ended?: Ended },
): Argv {
  return parser.command(
    [command.usage, ...(command.aliases ?? [])],
    command.summary,
    (flags) => {
      const built = command.arguments(flags as Argv);
      for (const [line, what] of command.examples) built.example(line, what);
      return built;
    },
    async (options) => {
      try {
        const complaints = command.validate(options);
        if (complaints.length > 0) throw usage(complaints.join('\n'));
        state.ended = { outcome: await command.run(options, streams) };
      } catch (thrown) {
        state.ended = { thrown };
      }
    },
  );
}

/** yargs takes `-ojson` for five flags, kubectl for one with its value. */
function withoutGlue(word: string): string[] {
  const [, flag, value] = /^(-[on])([^=].*)$/.exec(word) ?? [];
  return flag !== undefined && value !== undefined ? [flag, value] : [word];
}

function usage(detail: string): MigrateError {
  return new MigrateError('F301', { detail, remedy: `see ${COMMAND} --help`, outcome: 'usage' });
}

/** Read from the raw words, because a command line that cannot be parsed is answered in the same form. */
function wantsStructure(argv: readonly string[]): boolean {
  return /(^| )(-o|--output)[ =]?(json|yaml)( |$)/.test(argv.join(' '));
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

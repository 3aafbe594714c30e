import yargs, { type Argv } from 'yargs';
import { asMigrateError, EXIT, MigrateError, type Outcome } from '../src/domain/errors.ts';
import { renderError } from '../src/ui/plan-view.ts';
import type { CommandDefinition } from './command.ts';
import { podCommand } from './commands/pod.ts';
import { versionCommand } from './commands/version.ts';
import type { Streams } from './streams.ts';

const COMMANDS = [podCommand, versionCommand] as unknown as readonly CommandDefinition<object>[];

/** Runs one command line and yields the exit code. Never throws and never ends the process. */
export async function runCommandLine(argv: readonly string[], streams: Streams): Promise<number> {
  let outcome: Outcome = 'usage';
  const parser = COMMANDS.reduce<Argv>(
    (built, command) =>
      addCommand(built, command, streams, (ended) => {
        outcome = ended;
      }),
    yargs([]).scriptName('kubectl migrate').usage('$0 COMMAND\n\nMoves running pods, memory and all.'),
  )
    .strict()
    .demandCommand(1, 1, 'what should be done? name a command')
    .recommendCommands()
    .version(false)
    .help('help')
    .alias('help', 'h')
    .wrap(100)
    .exitProcess(false)
    .fail(false);
  try {
    const text = await parse(parser, argv);
    if (text) {
      streams.stdout.write(`${text}\n`);
      outcome = 'done';
    }
  } catch (thrown) {
    const error = isYargsError(thrown) ? usageError(thrown) : asMigrateError(thrown);
    report(error, wantsJson(argv), streams);
    outcome = error.outcome;
  }
  return EXIT[outcome];
}

function addCommand(
  parser: Argv,
  command: CommandDefinition<object>,
  streams: Streams,
  ended: (outcome: Outcome) => void,
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
      const complaints = command.validate(options);
      if (complaints.length > 0) throw usage(complaints.join('\n'));
      ended(await command.run(options, streams));
    },
  );
}

/** Yields what yargs would print (help); rejects with what a command or yargs threw. */
function parse(parser: Argv, argv: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    Promise.resolve(
      parser.parseAsync([...argv], {}, (_error: unknown, _argv: unknown, printed: string) => {
        text = printed;
      }),
    ).then(() => resolve(text), reject);
  });
}

function isYargsError(error: unknown): error is Error {
  return error instanceof Error && (error.name === 'YError' || error.constructor.name === 'YError');
}

function usageError(error: Error): MigrateError {
  return usage(error.message);
}

function usage(detail: string): MigrateError {
  return new MigrateError('F301', { detail, remedy: 'see kubectl migrate --help', outcome: 'usage' });
}

function wantsJson(argv: readonly string[]): boolean {
  return argv.some(
    (word, index) =>
      /^(-o|--output)=?(json|yaml)$/.test(word) ||
      (/^(-o|--output)$/.test(argv[index - 1] ?? '') && /^(json|yaml)$/.test(word)),
  );
}

/** With -o json or yaml the failure is the result: stdout stays parseable (JSON is YAML as well). */
function report(error: MigrateError, structured: boolean, streams: Streams): void {
  if (structured) {
    const { code, message: summary, detail, remedy, outcome, findings } = error;
    streams.stdout.write(
      `${JSON.stringify({ error: { code, summary, detail, remedy, outcome, findings } }, null, 2)}\n`,
    );
  } else {
    streams.stderr.write(renderError(error));
  }
}

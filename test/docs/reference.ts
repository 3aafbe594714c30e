import { type AnyCommand, commandWord } from '../../cmd/command.ts';
import { COMMANDS } from '../../cmd/commands/index.ts';
import { ACCESS_GROUPS } from '../../cmd/flags/clusters.ts';
import { type FlagInfo, flagsOfCommand } from '../../cmd/introspect.ts';
import { EXIT } from '../../src/domain/errors.ts';
import { COMMAND } from '../../src/domain/names.ts';
import { cell, code, GENERATED, table } from './markdown.ts';

const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  done: 'done',
  failed: 'failed; the source serves, or a command on a migration has changed nothing',
  usage: 'the command line is not understood',
  midway: 'stopped on its way: committed and not finished, or not known to be',
  rollbackIncomplete: 'the way back could not be finished; what is left is named',
  declined: 'declined before anything was changed',
  locked: 'another migration is at work on the pod, or the plan is stale',
  interrupted: 'interrupted; the source serves',
};

/** The page with every command and flag, as the definitions of the commands have them. */
export function referencePage(): string {
  const access = unique(COMMANDS.flatMap(flagsOfCommand).filter(({ group }) => ACCESS_GROUPS.includes(group)));
  return [
    GENERATED,
    '# Reference',
    `Every command is typed after \`${COMMAND}\`. ${code(`${COMMAND} COMMAND --help`)} prints the same in a terminal.`,
    ...COMMANDS.map(commandSection),
    '## Flags that say how a cluster is reached',
    'kubectl’s own flags mean the source; `--to-…` mirrors each for the target.',
    flagTable(access),
    '## Exit codes',
    table(
      ['code', 'meaning'],
      Object.entries(EXIT).map(([name, number]) => [String(number), EXIT_MEANINGS[name as keyof typeof EXIT]]),
    ),
  ].join('\n\n');
}

function commandSection(command: AnyCommand): string {
  const words = [COMMAND, command.under, command.usage].filter(Boolean).join(' ');
  const own = flagsOfCommand(command).filter(({ group }) => !ACCESS_GROUPS.includes(group));
  const examples = command.examples.map(([line, what]) => `# ${what}\n${line.replace('$0', COMMAND)}`);
  return [
    `## ${[command.under, commandWord(command)].filter(Boolean).join(' ')}`,
    `${command.description ?? command.summary}`,
    `\`\`\`sh\n${[words, ...examples].join('\n\n')}\n\`\`\``,
    command.aliases ? `Also: ${command.aliases.map(code).join(', ')}.` : '',
    own.length > 0 ? flagTable(own) : '',
  ]
    .filter(Boolean)
    .join('\n\n');
}

function flagTable(flags: readonly FlagInfo[]): string {
  return table(
    ['flag', 'what it says', 'default'],
    flags.map((flag) => [flagWords(flag), cell(flag.describe), presetOf(flag)]),
  );
}

function flagWords({ name, aliases, choices }: FlagInfo): string {
  const short = aliases.filter((alias) => alias.length === 1).map((alias) => `${code(`-${alias}`)}, `);
  const values = choices.length > 0 ? ` (${choices.map(code).join(', ')})` : '';
  return `${short.join('')}${code(`--${name}`)}${values}`;
}

const presetOf = ({ default: preset }: FlagInfo): string =>
  preset === undefined || preset === false ? '' : code(String(preset));

function unique(flags: readonly FlagInfo[]): FlagInfo[] {
  return [...new Map(flags.map((flag) => [flag.name, flag])).values()];
}

import { type AnyCommand, defineCommand } from '../command.ts';

/** `kubectl migrate config view`: which defaults are in force, and where each comes from. */
export function configViewCommand(commands: () => readonly AnyCommand[]) {
  return defineCommand({
    usage: 'view',
    under: 'config',
    summary: 'Show the defaults in force, and where each comes from',
    description:
      'Show the defaults in force, and where each comes from.\nA flag counts most, then its variable (KUBECTL_MIGRATE_… as in HELPER_IMAGE for --helper-image), then the file:\nKUBECTL_MIGRATE_CONFIG, or ~/.config/kubectl-migrate/config.yaml, with lines such as "helper-image: REGISTRY/NAME:TAG".',
    examples: [['$0 config view', 'see what is set, and by whom']],
    arguments: (yargs) =>
      yargs.option('output', {
        alias: 'o',
        choices: ['table', 'json', 'yaml'] as const,
        default: 'table' as const,
        describe: 'form of the list',
      }),
    validate: () => [],
    run: async (options, streams) => (await import('../show-settings.ts')).showSettings(commands(), options, streams),
  });
}

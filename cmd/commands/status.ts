import { defineCommand } from '../command.ts';
import { migrationComplaints, migrationFlags } from '../flags/migration.ts';

/** `kubectl migrate status`: where one migration stands, by its record and by the clusters; without an id, all unfinished. */
export const statusCommand = defineCommand({
  usage: 'status [id]',
  summary: 'Say where a migration stands and what comes next; without an id, which ones are unfinished',
  examples: [
    ['$0 status m-7f3kqd', 'what the record says, and what both clusters show'],
    ['$0 status m-7f3kqd --watch', 'each change of its record, until it has ended'],
  ],
  arguments: (yargs) =>
    migrationFlags(yargs)
      .positional('id', { type: 'string', describe: 'the migration, such as m-7f3kqd' })
      .option('watch', {
        alias: 'w',
        type: 'boolean',
        default: false,
        describe: 'tell of each change until the migration has ended',
      }),
  validate: ({ watch, ...options }) => [
    ...migrationComplaints(options, watch),
    ...(watch && options.output !== undefined ? ['--watch prints lines for people and takes no -o'] : []),
  ],
  run: async (options, streams) => {
    if (options.id === undefined) {
      const everywhere = { ...options, output: options.output ?? 'table', 'all-namespaces': true } as const;
      return (await import('../list-migrations.ts')).list(everywhere, streams, 'unfinished');
    }
    if (options.watch) return (await import('../show-migration.ts')).watchMigration(options.id, options, streams);
    return (await import('../show-migration.ts')).showMigration(options.id, 'status', options, streams);
  },
});

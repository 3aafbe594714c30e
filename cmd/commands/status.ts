import { defineCommand } from '../command.ts';
import { migrationComplaints, migrationFlags } from '../flags/migration.ts';

/** `kubectl migrate status`: where one migration stands, by its record and by the clusters; without an id, all unfinished. */
export const statusCommand = defineCommand({
  usage: 'status [id]',
  summary: 'Say where a migration stands and what comes next; without an id, which ones are unfinished',
  examples: [['$0 status m-7f3kqd', 'what the record says, and what both clusters show']],
  arguments: (yargs) =>
    migrationFlags(yargs).positional('id', { type: 'string', describe: 'the migration, such as m-7f3kqd' }),
  validate: (options) => migrationComplaints(options, false),
  run: async (options, streams) => {
    if (options.id === undefined)
      return (await import('../list-migrations.ts')).list(options, streams, (finished) => !finished);
    return (await import('../show-migration.ts')).showMigration(options.id, 'status', options, streams);
  },
});

import { defineCommand } from '../command.ts';
import { migrationComplaints, migrationFlags } from '../flags/migration.ts';

/** `kubectl migrate describe`: everything that is known of one migration. */
export const describeCommand = defineCommand({
  usage: 'describe [id]',
  summary: 'Print everything that is known of a migration: plan, record, lock, and what both clusters show',
  examples: [['$0 describe m-7f3kqd', 'its whole history']],
  arguments: (yargs) =>
    migrationFlags(yargs).positional('id', { type: 'string', describe: 'the migration, such as m-7f3kqd' }),
  validate: (options) => migrationComplaints(options, true),
  run: async (options, streams) =>
    (await import('../show-migration.ts')).showMigration(options.id ?? '', 'describe', options, streams),
});

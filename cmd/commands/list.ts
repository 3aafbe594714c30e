import { defineCommand } from '../command.ts';
import { migrationComplaints, migrationFlags } from '../flags/migration.ts';

/** `kubectl migrate list`: every migration that is known here. */
export const listCommand = defineCommand({
  usage: 'list',
  aliases: ['ls'],
  summary: 'List the migrations that this machine and the clusters know of',
  examples: [['$0 list --context east --to-context west', 'everything that the two clusters know']],
  arguments: (yargs) => migrationFlags(yargs),
  validate: (options) => migrationComplaints(options, false),
  run: async (options, streams) => (await import('../list-migrations.ts')).list(options, streams, () => true),
});

import { defineCommand } from '../command.ts';
import { migrationComplaints, workFlags } from '../flags/migration.ts';

/** `kubectl migrate rollback`: leads a migration back that is not committed. */
export const rollbackCommand = defineCommand({
  usage: 'rollback [id]',
  summary: 'Lead a migration back that is not committed; after the commit this is refused',
  examples: [['$0 rollback m-7f3kqd', 'let the source go on and remove what was made for the move']],
  arguments: (yargs) =>
    workFlags(yargs).option('discard-target', {
      type: 'boolean',
      default: false,
      describe: 'also when the source has lost its processes and the target’s stopped copy is the only one',
    }),
  validate: (options) => migrationComplaints(options, true),
  run: async (options, streams) => (await import('../take-up.ts')).takeUp('rollback', options, streams),
});

import { defineCommand } from '../command.ts';
import { migrationComplaints, workFlags } from '../flags/migration.ts';

/** `kubectl migrate cleanup`: removes what is left of migrations that have ended. */
export const cleanupCommand = defineCommand({
  usage: 'cleanup [id]',
  summary: 'Remove the records of migrations that have ended, and what else is left of them',
  examples: [
    ['$0 cleanup m-7f3kqd', 'remove its records, its lock and its helper pods'],
    ['$0 cleanup --all-finished', 'the same for all that have ended'],
  ],
  arguments: (yargs) =>
    workFlags(yargs)
      .option('all-finished', { type: 'boolean', default: false, describe: 'every migration that has ended' })
      .option('abandon', {
        type: 'boolean',
        default: false,
        describe: 'also one that has not ended: its pods and Services stay as they are, and nobody can resume it',
      }),
  validate: (options) => {
    const complaints = migrationComplaints(options, !options['all-finished']);
    if (options['all-finished'] && options.id !== undefined) complaints.push('name an id or --all-finished, not both');
    if (options['all-finished'] && options.abandon) complaints.push('--abandon takes the id of one migration');
    return complaints;
  },
  run: async (options, streams) => (await import('../clean-up.ts')).cleanUp(options, streams),
});

import { defineCommand } from '../command.ts';
import { deadlineComplaints, otherDeadlineFlags } from '../flags/deadlines.ts';
import { migrationComplaints, workFlags } from '../flags/migration.ts';

/** `kubectl migrate rollback`: leads a migration back that is not committed, or whose source is held. */
export const rollbackCommand = defineCommand({
  usage: 'rollback [id]',
  summary: 'Lead a migration back that is not committed, or whose source is held (--hold)',
  examples: [
    ['$0 rollback m-7f3kqd', 'let the source go on and remove what was made for the move'],
    ['$0 rollback m-7f3kqd --accept-loss', 'the same within a hold: what the target did since the commit is lost'],
  ],
  arguments: (yargs) =>
    otherDeadlineFlags(workFlags(yargs))
      .option('accept-loss', {
        type: 'boolean',
        default: false,
        describe: 'within a hold: what the target did since the commit may be lost; a terminal asks for this word',
      })
      .option('discard-target', {
        type: 'boolean',
        default: false,
        describe: 'also when the source has lost its processes and the target’s stopped copy is the only one',
      }),
  validate: (options) => [...migrationComplaints(options, true), ...deadlineComplaints(options)],
  run: async (options, streams) => (await import('../take-up.ts')).takeUp('rollback', options, streams),
});

import { defineCommand } from '../command.ts';
import { deadlineComplaints, otherDeadlineFlags } from '../flags/deadlines.ts';
import { migrationComplaints, workFlags } from '../flags/migration.ts';

/** `kubectl migrate finalize`: goes forward to the end of a committed migration. */
export const finalizeCommand = defineCommand({
  usage: 'finalize [id]',
  summary: 'Finish a committed migration: the source goes, and so does what was only needed for the move',
  examples: [['$0 finalize m-7f3kqd', 'finish it, also before its hold is over; before the commit this is refused']],
  arguments: (yargs) => otherDeadlineFlags(workFlags(yargs)),
  validate: (options) => [...migrationComplaints(options, true), ...deadlineComplaints(options)],
  run: async (options, streams) => (await import('../take-up.ts')).takeUp('finalize', options, streams),
});

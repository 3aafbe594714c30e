import { defineCommand } from '../command.ts';
import { deadlineComplaints, otherDeadlineFlags } from '../flags/deadlines.ts';
import { migrationComplaints, workFlags } from '../flags/migration.ts';

/** `kubectl migrate resume`: brings an unfinished migration to its end. */
export const resumeCommand = defineCommand({
  usage: 'resume [id]',
  summary: 'Bring an unfinished migration to its end: back before its commit, forward after it',
  description:
    'Bring an unfinished migration to its end: back before its commit, forward after it. Looks at both clusters before it believes the record, from any machine that reaches them; without a copy of the record there, name the clusters with --context and --to-context.',
  examples: [['$0 resume m-7f3kqd', 'bring it to its end, whichever that is']],
  arguments: (yargs) => otherDeadlineFlags(workFlags(yargs)),
  validate: (options) => [...migrationComplaints(options, true), ...deadlineComplaints(options)],
  run: async (options, streams) => (await import('../take-up.ts')).takeUp('resume', options, streams),
});

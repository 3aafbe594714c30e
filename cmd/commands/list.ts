import { defineCommand } from '../command.ts';
import { clusterFlags, connectionComplaints } from '../flags/clusters.ts';
import { allNamespaces, listForm } from '../flags/output.ts';

/** `kubectl migrate list`: the migrations of a namespace that are known here, and where each stands. */
export const listCommand = defineCommand({
  usage: 'list',
  aliases: ['ls'],
  summary: 'List migrations and where each stands: under way, stopped, ended',
  description:
    'List migrations and where each stands, from the records of this machine and of the clusters, the newest first.\nThe last line is the next command for one that is unfinished. "history" sets the figures of those that ended beside\ntheir forecasts.',
  examples: [
    ['$0 list -n shop', 'migrations of pods of a namespace'],
    ['$0 list -A --context east --to-context west', 'everything that the two clusters know'],
  ],
  arguments: (yargs) => allNamespaces(listForm(clusterFlags(yargs))),
  validate: (options) => connectionComplaints(options),
  run: async (options, streams) => (await import('../list-migrations.ts')).list(options, streams),
});

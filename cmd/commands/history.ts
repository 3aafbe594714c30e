import { defineCommand } from '../command.ts';
import { connectionComplaints, sourceFlags } from '../flags/clusters.ts';
import { listForm } from '../flags/output.ts';

/** `kubectl migrate history`: what past moves took, against what had been forecast. */
export const historyCommand = defineCommand({
  usage: 'history',
  summary: 'List past moves: how long they were forecast to take, and how long they took',
  examples: [
    ['$0 history', 'moves of the current namespace, known to this cluster and this machine'],
    ['$0 history -A -o json', 'of all namespaces, for a program'],
  ],
  arguments: (yargs) =>
    listForm(sourceFlags(yargs)).option('all-namespaces', {
      alias: 'A',
      type: 'boolean',
      default: false,
      group: 'Source:',
      describe: 'moves of pods of all namespaces',
    }),
  validate: (options) => connectionComplaints(options),
  run: async (options, streams) => (await import('../show-history.ts')).showHistory(options, streams),
});

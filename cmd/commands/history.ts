import { defineCommand } from '../command.ts';
import { connectionComplaints, sourceFlags } from '../flags/clusters.ts';
import { allNamespaces, listForm } from '../flags/output.ts';

/** `kubectl migrate history`: what past moves took, against what had been forecast. */
export const historyCommand = defineCommand({
  usage: 'history',
  summary: 'Set what past moves took beside what had been forecast',
  description:
    'Set what past moves took beside what had been forecast: time down, time in all, bytes. A forecast rests on these\nfigures. "list" says where unfinished migrations stand.',
  examples: [
    ['$0 history', 'moves of the current namespace, known to this cluster and this machine'],
    ['$0 history -A -o json', 'of all namespaces, for a program'],
  ],
  arguments: (yargs) => allNamespaces(listForm(sourceFlags(yargs))),
  validate: (options) => connectionComplaints(options),
  run: async (options, streams) => (await import('../show-history.ts')).showHistory(options, streams),
});

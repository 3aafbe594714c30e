import { defineCommand } from '../command.ts';
import { connectionComplaints, sourceFlags } from '../flags/clusters.ts';

/** `kubectl migrate contexts`: what the pickers see. */
export const contextsCommand = defineCommand({
  usage: 'contexts',
  summary: 'List the contexts of the kubeconfig, and whether their clusters can take part in a move',
  examples: [['$0 contexts', 'see which clusters answer, and where helper pods are allowed']],
  arguments: (yargs) =>
    sourceFlags(yargs).option('output', {
      alias: 'o',
      choices: ['table', 'json', 'yaml', 'name'] as const,
      default: 'table' as const,
      describe: 'form of the list',
    }),
  validate: (options) => connectionComplaints(options),
  run: async (options, streams) => (await import('../list-contexts.ts')).listContexts(options, streams),
});

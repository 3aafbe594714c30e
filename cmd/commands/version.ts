import { defineCommand } from '../command.ts';
import { connectionComplaints, sourceFlags } from '../flags/clusters.ts';
import { resultForm } from '../flags/output.ts';

/** `kubectl migrate version`. */
export const versionCommand = defineCommand({
  usage: 'version',
  summary: 'Print the version of this program, and of the cluster',
  examples: [['$0 version --client', 'this program alone']],
  arguments: (yargs) =>
    resultForm(sourceFlags(yargs)).option('client', {
      type: 'boolean',
      default: false,
      describe: 'this program alone: nothing is sent',
    }),
  validate: (options) => connectionComplaints(options),
  run: async (options, streams) => (await import('../show-version.ts')).showVersion(options, streams),
});

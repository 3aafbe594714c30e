import { defineCommand } from '../command.ts';
import { clusterFlags } from '../flags/clusters.ts';
import { flagGroups } from '../help.ts';
import { flagsOfCommand } from '../introspect.ts';

/** `kubectl migrate options`: the flags that help leaves out, as `kubectl options` does. */
export const optionsCommand = defineCommand({
  usage: 'options',
  summary: 'Print the flags that say how each cluster is reached',
  description:
    'Flags that say how each cluster is reached and as whom: kubectl’s own mean the source, --to-… the target.\nVariables, KUBECONFIG with several files, credential plugins, OpenID Connect and proxies work as they do for kubectl.',
  examples: [
    ['$0 pod redis --as deployer --to-context west --to-as deployer', 'move with the rights of somebody else'],
  ],
  arguments: (yargs) => yargs,
  validate: () => [],
  run: async (_options, streams) => {
    const flags = flagsOfCommand({
      usage: 'options',
      summary: '',
      examples: [],
      arguments: clusterFlags,
      validate: () => [],
      run: async () => 'done',
    });
    streams.stdout.write(`${flagGroups(flags, streams.stdout.columns ?? 80).join('\n\n')}\n`);
    return 'done';
  },
});

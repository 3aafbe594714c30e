import type { Argv } from 'yargs';

/** Flags that say which clusters and namespaces are meant: kubectl's own for the source, `--to-*` for the target. */
export function clusterFlags<T>(yargs: Argv<T>) {
  return yargs
    .option('context', {
      type: 'string',
      group: 'Source:',
      describe: 'context of the source (default: the current one)',
    })
    .option('namespace', { alias: 'n', type: 'string', group: 'Source:', describe: 'namespace of the pod' })
    .option('kubeconfig', { type: 'string', group: 'Source:', describe: 'kubeconfig file of the source' })
    .option('to-context', { type: 'string', group: 'Target:', describe: 'context of the target' })
    .option('to-namespace', {
      type: 'string',
      group: 'Target:',
      describe: 'namespace in the target (default: the same)',
    })
    .option('to-node', {
      type: 'string',
      group: 'Target:',
      describe: 'node in the target (default: the one with most room)',
    })
    .option('to-kubeconfig', {
      type: 'string',
      group: 'Target:',
      describe: 'kubeconfig file of the target (default: the source’s)',
    });
}

const NAMES = ['context', 'namespace', 'kubeconfig', 'to-context', 'to-namespace', 'to-node', 'to-kubeconfig'] as const;

/** Complaints about flags whose value was left out, by an empty variable of a script for instance. Pure. */
export function emptyComplaints(options: { readonly [Flag in (typeof NAMES)[number]]?: string | undefined }): string[] {
  return NAMES.filter((flag) => options[flag] === '').map((flag) => `--${flag} has no value`);
}

import { listContexts, selectContext } from '../../src/kube/kubeconfig.ts';
import { columns } from '../../src/ui/table.ts';
import { readable, terminalOf } from '../../src/ui/terminal.ts';
import { defineCommand } from '../command.ts';
import { connectSide, kubeconfigOf } from '../connection.ts';
import { type ConnectionFlags, connectionComplaints, sourceFlags } from '../flags/clusters.ts';
import { output } from '../output.ts';
import { judgeContext } from '../pickers/lists.ts';
import type { Streams } from '../streams.ts';

/** How long a cluster is waited for, unless a flag says otherwise. */
const TIMEOUT = '3s';

interface ContextRow {
  readonly name: string;
  readonly current: boolean;
  readonly server: string;
  readonly namespace: string;
  readonly reachable: boolean;
  readonly about: string;
}

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
  run: async (options, streams) => {
    const rows = await contextRows(options, streams);
    const form = options.output === 'json' || options.output === 'yaml' ? options.output : undefined;
    output(form, streams).result({ contexts: rows }, () => {
      if (options.output === 'name') return rows.map(({ name }) => `${name}\n`).join('');
      const terminal = terminalOf(streams.stdout, streams.env);
      const table = columns(
        rows.map(({ current, name, namespace, reachable, about }) => [
          current ? '*' : '',
          name,
          namespace,
          reachable ? 'yes' : 'no',
          about,
        ]),
        ['CURRENT', 'NAME', 'NAMESPACE', 'REACHABLE', 'ABOUT'],
      );
      return terminal.live ? readable(table, terminal) : table;
    });
    return 'done';
  },
});

async function contextRows(options: ConnectionFlags, streams: Streams): Promise<ContextRow[]> {
  const kubeconfig = kubeconfigOf('source', options, streams.env);
  return Promise.all(
    listContexts(kubeconfig).map(async (name) => {
      const connection = { 'request-timeout': TIMEOUT, ...options, context: name };
      const { verdict, reason = '' } = await judgeContext(
        () => connectSide('source', connection, streams.env),
        streams.interrupt,
      );
      const { server, namespace } = placeOf(() => selectContext(kubeconfig, name, '--context'));
      return {
        name,
        current: name === kubeconfig.currentContext,
        server,
        namespace,
        reachable: verdict === 'good',
        about: reason,
      };
    }),
  );
}

/** A context whose cluster or user is missing has no place; `about` says so. */
function placeOf(select: () => ReturnType<typeof selectContext>): { server: string; namespace: string } {
  try {
    const { cluster, namespace } = select();
    return { server: cluster.server, namespace };
  } catch {
    return { server: '', namespace: '' };
  }
}

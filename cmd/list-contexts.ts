import type { Outcome } from '../src/domain/errors.ts';
import { listContexts as contextNames, selectContext } from '../src/kube/kubeconfig.ts';
import { withoutUserInfo } from '../src/kube/server-address.ts';
import type { Reporter } from '../src/report/message.ts';
import { columns } from '../src/ui/table.ts';
import { connectSide, kubeconfigOf } from './connection.ts';
import type { ConnectionFlags } from './flags/clusters.ts';
import { output } from './output.ts';
import { judgeContext } from './pickers/lists.ts';
import type { Streams } from './streams.ts';

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

export interface ListContextsOptions extends ConnectionFlags {
  readonly output: 'table' | 'json' | 'yaml' | 'name';
}

/** Prints every context of the kubeconfig and whether its cluster can take part in a move. */
export async function listContexts(options: ListContextsOptions, streams: Streams): Promise<Outcome> {
  const form = options.output === 'json' || options.output === 'yaml' ? options.output : undefined;
  const out = output(form, streams);
  const rows = await contextRows(options, streams, out.reporter);
  out.result({ contexts: rows }, (width) => {
    if (options.output === 'name') return rows.map(({ name }) => `${name}\n`).join('');
    return columns(
      rows.map(({ current, name, namespace, reachable, about }) => [
        current ? '*' : '',
        name,
        namespace,
        reachable ? 'yes' : 'no',
        about,
      ]),
      ['CURRENT', 'NAME', 'NAMESPACE', 'REACHABLE', 'ABOUT'],
      width,
    );
  });
  return 'done';
}

async function contextRows(options: ConnectionFlags, streams: Streams, reporter: Reporter): Promise<ContextRow[]> {
  const kubeconfig = kubeconfigOf('source', options, streams.env);
  return Promise.all(
    contextNames(kubeconfig).map(async (name) => {
      const connection = { 'request-timeout': TIMEOUT, ...options, context: name };
      const { verdict, reason = '' } = await judgeContext(
        () => connectSide('source', connection, streams.env, reporter),
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
    return { server: withoutUserInfo(cluster.server).address, namespace };
  } catch {
    return { server: '', namespace: '' };
  }
}

import { isMigrateError, type MigrateError } from '../src/domain/errors.ts';
import type { Plan } from '../src/domain/plan.ts';
import type { Side } from '../src/domain/refs.ts';
import type { Cluster } from '../src/kube/connect.ts';
import { contextFor } from '../src/kube/kubeconfig.ts';
import { unreachableCluster } from '../src/kube/unreachable.ts';
import type { Reporter } from '../src/report/message.ts';
import { connectSide, kubeconfigOf } from './connection.ts';
import type { ConnectionOptions } from './flags/clusters.ts';
import type { Streams } from './streams.ts';

/**
 * Both clusters of a plan, as this machine reaches them. One that no context leads to any more is told, and is one that
 * cannot be reached. Throws F302 where that is so of both, or of one that a flag names.
 */
export function connectBoth(
  plan: Plan,
  options: Partial<ConnectionOptions>,
  streams: Streams,
  reporter: Pick<Reporter, 'notify'>,
): [source: Cluster, target: Cluster] {
  const gone: MigrateError[] = [];
  const reach = (side: Side): Cluster => {
    try {
      return connectPlanned(side, plan, options, streams, reporter);
    } catch (error) {
      const isNamed = options[side === 'source' ? 'context' : 'to-context'] !== undefined;
      if (!isMigrateError(error) || error.code !== 'F302' || isNamed) throw error;
      gone.push(error);
      return unreachableCluster(side, plan[side], error);
    }
  };
  const both: [Cluster, Cluster] = [reach('source'), reach('target')];
  const [first, second] = gone;
  if (first && second) throw first;
  if (first) reporter.notify({ code: 'W421', text: `${first.detail}; ${first.remedy}` });
  return both;
}

/** The context of this machine that leads to a cluster of the plan; a flag counts more than that. */
export function connectPlanned(
  side: Side,
  plan: Plan,
  options: Partial<ConnectionOptions>,
  { env }: Streams,
  reporter: Pick<Reporter, 'notify'>,
): Cluster {
  const flag = side === 'source' ? 'context' : 'to-context';
  const named = options[flag];
  const context = named ?? contextFor(kubeconfigOf(side, options, env), plan[side], `--${flag}`);
  const cluster = connectSide(side, { ...options, [flag]: context }, env, reporter);
  if (cluster.server !== plan[side].server) {
    const text = `${plan.id} was made with ${plan[side].server} as its ${side}; --${flag} ${context} leads to ${cluster.server}`;
    reporter.notify({ code: 'W421', text });
  }
  return cluster;
}

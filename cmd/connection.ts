import type { Side } from '../src/domain/refs.ts';
import { type Cluster, connectCluster } from '../src/kube/connect.ts';
import { type Kubeconfig, loadKubeconfig } from '../src/kube/kubeconfig.ts';
import type { ContextOverrides } from '../src/kube/overrides.ts';
import type { Reporter } from '../src/report/message.ts';
import { type ConnectionFlags, type ConnectionOptions, flagsOf, requestTimeoutMs } from './flags/clusters.ts';
import type { Streams } from './streams.ts';

const REQUEST_TIMEOUT_MS = 10_000;

/** The kubeconfig of one side: the target's flag, else the source's, else what kubectl would read. Throws F302. */
export function kubeconfigOf(side: Side, options: Partial<ConnectionOptions>, env: Streams['env']): Kubeconfig {
  const own = flagsOf(side, options).kubeconfig;
  if (side === 'target' && own !== undefined) return loadKubeconfig({ file: own, flag: '--to-kubeconfig', env });
  return loadKubeconfig({ file: own ?? options.kubeconfig, env });
}

/**
 * Connects one side as its flags say. Sends nothing yet. Throws F302, or a refusal with E101. Says W423 where the
 * certificate of the server will not be checked.
 */
export function connectSide(
  side: Side,
  options: Partial<ConnectionOptions>,
  env: Streams['env'],
  reporter?: Pick<Reporter, 'notify'>,
): Cluster {
  const flags = flagsOf(side, options);
  const cluster = connectCluster({
    kubeconfig: kubeconfigOf(side, options, env),
    context: flags.context,
    side,
    overrides: overridesOf(flags),
    env,
    requestTimeoutMs: timeoutOf(flags, options),
    onRequest: ({ method, url, status, ms }) =>
      reporter?.notify({ code: 'I412', text: `${method} ${url} ${status} in ${Math.round(ms)} ms` }),
  });
  if (flags['insecure-skip-tls-verify']) {
    const text = `the certificate of ${cluster.server} is not checked: whoever is in between can read and change everything`;
    reporter?.notify({ code: 'W423', text });
  }
  return cluster;
}

function timeoutOf(flags: ConnectionFlags, options: Partial<ConnectionOptions>): number {
  const text = flags['request-timeout'] ?? options['request-timeout'];
  return (text === undefined ? undefined : requestTimeoutMs(text)) ?? REQUEST_TIMEOUT_MS;
}

function overridesOf(flags: ConnectionFlags): ContextOverrides {
  const overrides = {
    server: flags.server,
    tlsServerName: flags['tls-server-name'],
    certificateAuthority: flags['certificate-authority'],
    insecure: flags['insecure-skip-tls-verify'],
    token: flags.token,
    clientCertificate: flags['client-certificate'],
    clientKey: flags['client-key'],
    as: flags.as,
    asGroups: flags['as-group'],
    asUid: flags['as-uid'],
  };
  return Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined)) as ContextOverrides;
}

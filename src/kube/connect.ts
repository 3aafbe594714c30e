import type { Clock } from '../domain/clock.ts';
import type { Side } from '../domain/refs.ts';
import type { ApiClient } from './api-client.ts';
import { createReader } from './client.ts';
import { systemClock } from './clock.ts';
import { createCredentials } from './credentials.ts';
import { createHttpClient, type SeenRequest } from './http-client.ts';
import { type Kubeconfig, selectContext } from './kubeconfig.ts';
import { type ContextOverrides, overrideContext } from './overrides.ts';
import type { ClusterReader } from './ports.ts';
import { withProxy } from './proxy.ts';

export interface ConnectOptions {
  readonly kubeconfig: Kubeconfig;
  /** The current context when absent. */
  readonly context?: string | undefined;
  readonly side: Side;
  /** What flags change of the context. */
  readonly overrides?: ContextOverrides;
  /** Where a proxy may be named, for a context that names none. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** `--request-timeout`, in ms. */
  readonly requestTimeoutMs?: number;
  readonly clock?: Clock;
  /** Told of every request when it has ended. */
  readonly onRequest?: (request: SeenRequest) => void;
}

/** Default of `--request-timeout`, in ms. */
const REQUEST_TIMEOUT_MS = 10_000;

export interface Cluster {
  readonly reader: ClusterReader;
  /** For createGateway. */
  readonly api: ApiClient;
  readonly context: string;
  /** The context's namespace, or 'default'. */
  readonly namespace: string;
  readonly server: string;
  /** Ends idle connections; idempotent. */
  close(): void;
}

/**
 * Makes the clients of one cluster; sends nothing yet. Declined with finding E101 for an unknown context, F302 for a
 * context that cannot be used. The errors name `--context` for the source and `--to-context` for the target.
 */
export function connectCluster(options: ConnectOptions): Cluster {
  const flag = options.side === 'source' ? '--context' : '--to-context';
  const chosen = selectContext(options.kubeconfig, options.context, flag);
  const selected = withProxy(overrideContext(chosen, options.overrides ?? {}), options.env ?? {});
  const credentials = createCredentials(selected);
  const api = createHttpClient({
    side: options.side,
    context: selected.name,
    credentials,
    requestTimeoutMs: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    ...(options.onRequest && { onRequest: options.onRequest }),
  });
  return {
    reader: createReader(api, options.clock ?? systemClock),
    api,
    context: selected.name,
    namespace: selected.namespace,
    server: api.server,
    close: credentials.close,
  };
}

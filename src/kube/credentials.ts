import http from 'node:http';
import type https from 'node:https';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { MigrateError } from '../domain/errors.ts';
import { type PluginCredential, pluginCredentials } from './exec-plugin.ts';
import type { SelectedContext, UserEntry } from './kubeconfig.ts';
import { idTokens, isOidc } from './oidc.ts';
import { impersonationHeaders } from './overrides.ts';
import { withoutUserInfo } from './server-address.ts';

/** What a request needs to be let in: both https.request and ws take it as it is. */
export interface ConnectionOptions {
  readonly agent: http.Agent;
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** `user:password` for basic authentication. */
  readonly auth?: string;
  /** The proxy that it goes by, without credentials. */
  readonly proxy?: string;
}

/** Access to one API server: TLS, authentication plugins and proxies by client-node's KubeConfig. */
export interface Credentials {
  readonly server: URL;
  /** Throws F312 when a credential plugin or token file fails. A request does not wait for it forever: see options-within.ts. */
  options(): Promise<ConnectionOptions>;
  /** Whether there were any yet. */
  readonly known: boolean;
  /** How messages name whoever is asked for them. */
  readonly from: string;
  /** Forgets tokens and connections, so that the next `options()` asks the plugins again. */
  renew(): void;
  close(): void;
}

/** How long options are reused before files and plugins are asked again, in ms. */
const REUSE_MS = 10_000;
/** Go's servers close idle connections after 90 s or more; ours must be gone before that. */
const IDLE_MS = 45_000;

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** Throws F302 for a server address that cannot be used. */
export function createCredentials(given: SelectedContext): Credentials {
  const { address, auth } = withoutUserInfo(given.cluster.server);
  const context = { ...given, cluster: { ...given.cluster, server: address } };
  const server = serverUrl(context);
  const bearerToken = isOidc(context.user) ? idTokens(context) : undefined;
  let closing = new AbortController();
  let plugin = pluginCredentials(context, closing.signal);
  let shown: PluginCredential | undefined;
  let config = toKubeConfig(context);
  let agent: http.Agent | undefined;
  let cached: { until: number; options: Promise<ConnectionOptions> } | undefined;
  let known = false;
  const renew = (): void => {
    plugin = pluginCredentials(context, closing.signal);
    shown = undefined;
    config = toKubeConfig(context);
    agent = undefined;
    cached = undefined;
  };
  const secure = async (): Promise<ConnectionOptions> => {
    const credential = await plugin?.().catch((error: unknown) => {
      throw failedPlugin(context, error);
    });
    // Another certificate needs other connections.
    if (credential !== shown && (credential?.certificate || shown?.certificate))
      config = toKubeConfig(context, credential);
    shown = credential;
    const bearer = await bearerToken?.().catch((error: unknown) => {
      throw credentialError(context, `the credentials cannot be read: ${firstLine(error)}`);
    });
    return secureOptions(config, context, bearer ?? credential?.token);
  };
  const make = async (): Promise<ConnectionOptions> => {
    const options = server.protocol === 'https:' ? await secure() : plainOptions(agent);
    agent = options.agent;
    const headers = { ...options.headers, ...impersonationHeaders(context.user) };
    return { ...(auth !== undefined && { auth }), ...options, headers };
  };
  return {
    server,
    renew,
    from: originOf(context),
    get known() {
      return known;
    },
    options: () => {
      if (cached === undefined || Date.now() > cached.until) {
        // A plugin that does not end is not started again.
        const asked = { until: Number.POSITIVE_INFINITY, options: make() };
        asked.options.then(
          () => {
            known = true;
            asked.until = Date.now() + REUSE_MS;
          },
          () => {
            if (cached === asked) cached = undefined;
          },
        );
        cached = asked;
      }
      return cached.options;
    },
    close: () => {
      closing.abort();
      closing = new AbortController();
      agent?.destroy();
      renew();
    },
  };
}

/**
 * One entry of each kind, in the shape that KubeConfig reads; the library picks nothing by itself. `shown`: what a plugin
 * has printed.
 */
function toKubeConfig(context: SelectedContext, shown?: PluginCredential): KubeConfig {
  const config = new KubeConfig();
  const name = 'selected';
  const document = {
    'current-context': name,
    contexts: [{ name, context: { cluster: name, user: name, namespace: context.namespace } }],
    clusters: [{ name, cluster: context.cluster }],
    users: [{ name, user: completeUser(context, shown) }],
  };
  config.loadFromString(JSON.stringify(document));
  return config;
}

/**
 * Fills in what client-node 2.0.1 does not do, the field `tokenFile`, and leaves out what it does wrongly (OpenID Connect,
 * see oidc.ts, and plugins, see exec-plugin.ts).
 */
function completeUser(context: SelectedContext, shown: PluginCredential | undefined): UserEntry {
  const { exec: _exec, ...user }: UserEntry = context.user;
  if (isOidc(user)) delete user['auth-provider'];
  if (user.tokenFile && user['token'] === undefined) {
    user['auth-provider'] = { name: 'tokenFile', config: { tokenFile: user.tokenFile } };
  }
  if (shown?.certificate && shown.key) {
    const { 'client-certificate': _certificate, 'client-key': _key, ...rest } = user;
    const data = { 'client-certificate-data': base64(shown.certificate), 'client-key-data': base64(shown.key) };
    return { ...rest, ...data };
  }
  return user;
}

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

async function secureOptions(
  config: KubeConfig,
  context: SelectedContext,
  bearer: string | undefined,
): Promise<ConnectionOptions> {
  const options: https.RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (error) {
    throw unreadableCredentials(context, error);
  }
  const agent = options.agent;
  if (!(agent instanceof http.Agent)) throw new Error('KubeConfig yields no agent');
  keepConnections(agent);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (value !== undefined) headers[name] = String(value).trim();
  }
  if (bearer !== undefined) headers['Authorization'] = `Bearer ${bearer}`;
  const proxy = proxyOf(context);
  return {
    agent,
    headers,
    ...(typeof options.auth === 'string' ? { auth: options.auth } : {}),
    ...(proxy === undefined ? {} : { proxy }),
  };
}

function proxyOf({ cluster }: SelectedContext): string | undefined {
  const proxy = cluster['proxy-url'];
  if (typeof proxy !== 'string' || !URL.canParse(proxy)) return undefined;
  const { protocol, host } = new URL(proxy);
  return `${protocol}//${host}`;
}

/** client-node's agents close every connection after one request; a TLS handshake each would be paid in downtime. */
function keepConnections(agent: http.Agent & { keepAlive?: boolean; options?: http.AgentOptions }): void {
  agent.keepAlive = true;
  if (agent.options !== undefined) {
    agent.options.keepAlive = true;
    agent.options.timeout = IDLE_MS;
  }
}

function plainOptions(agent: http.Agent | undefined): ConnectionOptions {
  return { agent: agent ?? new http.Agent({ keepAlive: true, timeout: IDLE_MS }), headers: {} };
}

function serverUrl(context: SelectedContext): URL {
  const { server } = context.cluster;
  if (!URL.canParse(server)) {
    throw new MigrateError('F302', {
      detail: `the server of context '${context.name}' is not a URL`,
      remedy: 'correct it with kubectl config set-cluster',
    });
  }
  const url = new URL(server);
  if (url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.test(url.hostname))) return url;
  throw new MigrateError('F302', {
    detail: `context '${context.name}' uses ${server}: without https credentials and process memory would travel in the open`,
    remedy: 'use an https address; http is accepted for this machine only (kubectl proxy)',
  });
}

/** What the system or OpenSSL says about a file is shown; any other error may hold what it was about. */
function unreadableCredentials(context: SelectedContext, error: unknown): MigrateError {
  const said = error instanceof Error && 'code' in error ? `: ${firstLine(error)}` : '';
  const provider = context.user['auth-provider']?.name;
  const what = provider === undefined ? 'the credentials' : `the credentials of auth-provider ${provider}`;
  return credentialError(context, `${what} cannot be read${said}`);
}

function originOf({ user }: SelectedContext): string {
  if (user.exec) return `the credential plugin ${user.exec.command}`;
  const provider = user['auth-provider']?.name;
  return provider === undefined ? 'who keeps the credentials' : `auth-provider ${provider}`;
}

function failedPlugin(context: SelectedContext, error: unknown): MigrateError {
  const why = `the credential plugin ${context.user.exec?.command} failed: ${firstLine(error)}`;
  return credentialError(context, why, 'run the plugin by hand, or log in again');
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? (error.message.trim().split('\n')[0] ?? '') : '';
  return message.slice(0, 300) || 'it says no more';
}

function credentialError(
  context: SelectedContext,
  why: string,
  remedy = 'check the files that the kubeconfig names',
): MigrateError {
  return new MigrateError('F312', { detail: `context '${context.name}': ${why}`, remedy });
}

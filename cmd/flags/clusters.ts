import type { Argv } from 'yargs';
import type { Side } from '../../src/domain/refs.ts';
import { parseDuration } from './duration.ts';

/** How one cluster is reached, as kubectl's global flags say it. */
export interface ConnectionFlags {
  readonly context?: string | undefined;
  readonly kubeconfig?: string | undefined;
  readonly server?: string | undefined;
  readonly 'tls-server-name'?: string | undefined;
  readonly 'certificate-authority'?: string | undefined;
  readonly 'client-certificate'?: string | undefined;
  readonly 'client-key'?: string | undefined;
  readonly token?: string | undefined;
  readonly as?: string | undefined;
  readonly 'as-group'?: readonly string[] | undefined;
  readonly 'as-uid'?: string | undefined;
  readonly 'insecure-skip-tls-verify'?: boolean | undefined;
  readonly 'request-timeout'?: string | undefined;
}

/** The same flags for the target, each with `to-` before it. */
export type TargetConnectionFlags = { readonly [Flag in keyof ConnectionFlags as `to-${Flag}`]: ConnectionFlags[Flag] };
export type ConnectionOptions = ConnectionFlags & TargetConnectionFlags;

export interface PlaceOptions {
  readonly namespace?: string | undefined;
}

export interface TargetPlaceOptions {
  readonly 'to-namespace'?: string | undefined;
  readonly 'to-node'?: string | undefined;
  readonly 'to-node-selector'?: string | undefined;
  readonly 'to-name'?: string | undefined;
}

interface FlagText {
  readonly describe: string;
  readonly type?: 'string' | 'boolean' | 'array';
}

/** Which cluster is meant: shown among the first flags. */
const WHERE: Readonly<Record<string, FlagText>> = {
  context: { describe: 'context of the' },
  kubeconfig: { describe: 'kubeconfig file of the' },
};

/** How it is reached and as whom: kubectl's own, shown last. */
const HOW: Readonly<Record<Exclude<keyof ConnectionFlags, 'context' | 'kubeconfig'>, FlagText>> = {
  server: { describe: 'address of the API server' },
  'tls-server-name': { describe: 'name to expect in its certificate' },
  'certificate-authority': { describe: 'file with the authority that signed its certificate' },
  'client-certificate': { describe: 'file with a client certificate' },
  'client-key': { describe: 'file with the key of that certificate' },
  token: { describe: 'bearer token, instead of the credentials of the kubeconfig' },
  as: { describe: 'user to impersonate' },
  'as-group': { describe: 'group to impersonate; may be given more than once', type: 'array' },
  'as-uid': { describe: 'uid to impersonate' },
  'insecure-skip-tls-verify': { describe: 'do not check the certificate: insecure', type: 'boolean' },
  'request-timeout': { describe: 'for one request to the API server; 0 waits as long as it takes (default: 10s)' },
};

/** Groups that the help of a command leaves to `options`. */
export const ACCESS_GROUPS: readonly string[] = ['Source access:', 'Target access:'];

const PLACE = {
  source: { namespace: 'namespace of the pod (default: that of the context)' },
  target: {
    'to-namespace': 'namespace in the target (default: the same)',
    'to-node': 'node in the target (default: the one with most room)',
    'to-node-selector': 'labels of the node in the target, as kubectl -l takes them',
    'to-name': 'name of the pod in the target (default: the same)',
  },
} as const;

/** Flags of the source's cluster alone: for commands that need no target. */
export function sourceFlags<T>(yargs: Argv<T>): Argv<T & ConnectionFlags & PlaceOptions> {
  return sideFlags(yargs, 'source') as Argv<T & ConnectionFlags & PlaceOptions>;
}

/** Flags that say which clusters and namespaces are meant: kubectl's own for the source, `--to-*` for the target. */
export function clusterFlags<T>(yargs: Argv<T>): Argv<T & ConnectionOptions & PlaceOptions & TargetPlaceOptions> {
  return sideFlags(sideFlags(yargs, 'source'), 'target') as Argv<
    T & ConnectionOptions & PlaceOptions & TargetPlaceOptions
  >;
}

function sideFlags(yargs: Argv<unknown>, side: Side): Argv<unknown> {
  const prefix = side === 'source' ? '' : 'to-';
  const title = side === 'source' ? 'Source' : 'Target';
  let flags = yargs;
  for (const [flag, { describe }] of Object.entries(WHERE)) {
    const fallback = side === 'target' ? ' (default: the source’s)' : ' (default: the current one)';
    const tail = flag === 'kubeconfig' && side === 'source' ? '' : fallback;
    flags = flags.option(`${prefix}${flag}`, {
      type: 'string',
      group: `${title}:`,
      describe: `${describe} ${side}${tail}`,
    });
  }
  for (const [flag, describe] of Object.entries(PLACE[side])) {
    const alias = flag === 'namespace' ? { alias: 'n' } : {};
    flags = flags.option(flag, { ...alias, type: 'string', group: `${title}:`, describe });
  }
  for (const [flag, { describe, type = 'string' }] of Object.entries(HOW)) {
    const alias = flag === 'server' && side === 'source' ? { alias: 's' } : {};
    flags = flags.option(`${prefix}${flag}`, {
      ...alias,
      type,
      group: `${title} access:`,
      describe,
      requiresArg: type !== 'boolean',
    });
  }
  return flags;
}

/** The flags of one side without their prefix. A target that no flag tells how to reach is the source's cluster. Pure. */
export function flagsOf(side: Side, options: Partial<ConnectionOptions>): ConnectionFlags {
  if (side === 'source') return options;
  const names = [...Object.keys(WHERE), ...Object.keys(HOW)];
  const given = options as Readonly<Record<string, unknown>>;
  if (names.every((flag) => given[`to-${flag}`] === undefined)) return options;
  return Object.fromEntries(names.map((flag) => [flag, given[`to-${flag}`]])) as ConnectionFlags;
}

/** Flags that say where to go within a cluster: one of them is enough when that is the source's. */
export const PLACES_WITHIN = ['to-node', 'to-node-selector', 'to-name'] as const;

/** Whether the flags say where a pod goes: to another cluster, or elsewhere in its own. Pure. */
export function saysWhere(options: Partial<ConnectionOptions> & TargetPlaceOptions): boolean {
  const within = PLACES_WITHIN.map((flag) => options[flag]);
  // The current context of another kubeconfig is another cluster too.
  const clusters = [options['to-context'], options['to-kubeconfig'], options['to-server']];
  return [...clusters, ...within].some((value) => value !== undefined);
}

/** Complaints about connection flags: empty values, by an empty variable of a script for instance, and durations. Pure. */
export function connectionComplaints(options: object): string[] {
  const given = options as Readonly<Record<string, unknown>>;
  const names = [...Object.keys(WHERE), ...Object.keys(HOW), ...Object.keys(PLACE.source)];
  const flags = [...names, ...names.map((name) => `to-${name}`), ...PLACES_WITHIN];
  const empty = flags.filter((flag) => given[flag] === '').map((flag) => `--${flag} has no value`);
  const timeouts = ['request-timeout', 'to-request-timeout'].flatMap((flag) => {
    const text = given[flag];
    if (typeof text !== 'string' || text === '' || requestTimeoutMs(text) !== undefined) return [];
    return [`--${flag}: '${text}' is not a duration such as 30s or 2m of at most 24h`];
  });
  return [...empty, ...timeouts];
}

const DAY_MS = 24 * 3_600_000;

/** In ms; 0 means a day, which is as long as anybody waits. Undefined for no duration, or one of more than a day. Pure. */
export function requestTimeoutMs(text: string): number | undefined {
  if (/^0(ms|s|m|h)?$/.test(text)) return DAY_MS;
  const ms = parseDuration(text);
  return ms === undefined || ms > DAY_MS ? undefined : ms;
}

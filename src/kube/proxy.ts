import { BlockList, isIP } from 'node:net';
import type { SelectedContext } from './kubeconfig.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** A context that is reached by the proxy of the environment, unless it names one itself. Pure. */
export function withProxy(selected: SelectedContext, env: Env): SelectedContext {
  const { cluster } = selected;
  const proxy = cluster['proxy-url'] ? undefined : proxyFor(cluster.server, env);
  return proxy === undefined ? selected : { ...selected, cluster: { ...cluster, 'proxy-url': proxy } };
}

/**
 * The proxy that the environment names for a server, as kubectl reads it: HTTPS_PROXY, unless NO_PROXY has the host, a
 * domain that it is in, its address, a range with that in it (10.0.0.0/8), or `*`. This machine is never reached by a
 * proxy. Undefined for none. Pure.
 */
export function proxyFor(server: string, env: Env): string | undefined {
  const proxy = env['HTTPS_PROXY'] || env['https_proxy'];
  if (!proxy || !URL.canParse(server)) return undefined;
  const { protocol, hostname, port } = new URL(server);
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const exceptions = (env['NO_PROXY'] || env['no_proxy'] || '').split(',').map((each) => each.trim().toLowerCase());
  const isDirect = isLocal(host) || exceptions.some((each) => covers(each, host, port || '443'));
  if (protocol !== 'https:' || isDirect) return undefined;
  return proxy.includes('://') ? proxy : `http://${proxy}`;
}

function isLocal(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

function covers(exception: string, host: string, port: string): boolean {
  if (exception === '') return false;
  if (exception === '*') return true;
  const [network = '', bits] = exception.split('/');
  if (bits !== undefined)
    return isIP(host) !== 0 && isIP(network) === isIP(host) && inRange(network, Number(bits), host);
  if (isIP(exception) !== 0) return exception === host;
  const [, name = exception, only] = /^(.*):(\d+)$/.exec(exception) ?? [];
  if (only !== undefined && only !== port) return false;
  const domain = name.replace(/^\*?\./, '');
  return (name === domain && host === domain) || host.endsWith(`.${domain}`);
}

function inRange(network: string, bits: number, host: string): boolean {
  const family = isIP(host) === 6 ? 'ipv6' : 'ipv4';
  const range = new BlockList();
  try {
    range.addSubnet(network, bits, family);
  } catch {
    return false;
  }
  return range.check(host, family);
}

import { isIPv4 } from 'node:net';
import type { ContainerSocket } from '../facts.ts';

/** A line of /proc/PID/net/{tcp,tcp6,udp,udp6}. */
export type NetLine = {
  inode: number;
  local: string;
  localPort: number;
  remote: string;
  remotePort: number;
  state: number;
};

/** Kernel's TCP_LISTEN (include/net/tcp_states.h). */
const LISTEN = 10;

/** An address of /proc/net as text: 32-bit words in host (little-endian) order; IPv4 in IPv6 is shown as IPv4. */
export function decodeAddress(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  for (let at = 0; at + 4 <= bytes.length; at += 4) bytes.subarray(at, at + 4).reverse();
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.subarray(0, 12).equals(Buffer.from('00000000000000000000ffff', 'hex'))) return bytes.subarray(12).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  // WHATWG's URL writes IPv6 in its shortest form.
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

/** Reads one of /proc/PID/net's socket tables. */
export function parseNetTable(text: string): NetLine[] {
  return [
    ...text.matchAll(
      /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]{2}) \S+ \S+ \S+\s+\d+\s+\d+ (\d+)/gm,
    ),
  ].map(([, local = '', localPort = '', remote = '', remotePort = '', state = '', inode = '']) => ({
    inode: Number(inode),
    local: decodeAddress(local),
    localPort: Number.parseInt(localPort, 16),
    remote: decodeAddress(remote),
    remotePort: Number.parseInt(remotePort, 16),
    state: Number.parseInt(state, 16),
  }));
}

const isLoopback = (address: string) => address === '::1' || (isIPv4(address) && address.startsWith('127.'));
const isAny = (address: string) => address === '0.0.0.0' || address === '::';

/**
 * How a socket fares in a move. A listener or an unconnected UDP socket that is bound to the pod's own address cannot be
 * bound in the target, whose address is another; an established connection of that address can, and is reset at the
 * commit unless its other end is in the pod.
 */
export function classifySocket(line: NetLine, protocol: 'tcp' | 'udp', own: readonly string[]): ContainerSocket {
  const show = (address: string, port: number) =>
    address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  const connected = !isAny(line.remote) && line.remotePort !== 0;
  const inPod = (address: string) => isLoopback(address) || own.includes(address);
  let kind: ContainerSocket['kind'];
  if (connected) kind = inPod(line.remote) ? 'inside' : 'outside';
  else if (own.includes(line.local)) kind = 'pod-address';
  else kind = (protocol === 'tcp' ? line.state === LISTEN : line.localPort !== 0) ? 'listening' : 'unconnected';
  return { protocol, kind, local: show(line.local, line.localPort), remote: show(line.remote, line.remotePort) };
}

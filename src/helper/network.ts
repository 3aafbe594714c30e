import { type Armed, arm, execute, executeOrFail } from './command.ts';
import { ARGUMENTS_END, MOUNT_HELPER } from './enter.ts';
import { HelperFailure } from './failure.ts';

/** native/packet-rules.c: takes a transaction of nft, or asks for a list. */
const PACKET_RULES = '/usr/bin/packet-rules';
/** The helper's table in the pod's network namespace; its presence is the lock. */
const TABLE = 'kubectl_migrate';
/** Packets that CRIU makes itself, to bring a socket into a closing state (SOCCR_MARK, soccr/soccr.h). */
const CRIU_MARK = '0xc114';

/**
 * A SYN without ACK is a new connection: refused at once, or its client would retry after a second only. The RST that
 * `reject` makes goes through the output hook; it answers with sequence number 0 (RFC 9293 3.5.2), which an established
 * connection practically never has. Neighbour discovery stays,
 * everything else is dropped.
 */
function rules(resets: 'refusals' | 'all'): string {
  const reset = resets === 'all' ? 'tcp flags & rst == rst accept' : 'tcp flags & rst == rst tcp sequence 0 accept';
  return `table inet ${TABLE}
delete table inet ${TABLE}
table inet ${TABLE} {
  chain input {
    type filter hook input priority -450; policy drop;
    meta mark ${CRIU_MARK} accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
    tcp flags & (syn | ack | rst | fin) == syn reject with tcp reset
  }
  chain output {
    type filter hook output priority -450; policy drop;
    meta mark ${CRIU_MARK} accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept
    ${reset}
  }
}
`;
}

const inNetwork = (pid: number, ...command: string[]) => [`--net=/proc/${pid}/ns/net`, '--', ...command];

/** What takes one transaction of a pod, started ahead; pass it to {@link lockNetwork} or {@link unlockNetwork}. */
export const armNetwork = (pid: number): Armed => arm(PACKET_RULES, [String(pid)]);

const load = (pid: number, text: string, armed = armNetwork(pid)): Promise<void> => armed.fire(text);

/**
 * Nothing comes in or goes out, loopback included; new connections are refused. One transaction; idempotent.
 * On the source it is the lock: packets between two sockets of the tree, delivered while CRIU reads first one and then
 * the other, would be lost for good. On the target it is the guard: CRIU sends what was not sent yet while the peer may
 * not be restored, and the kernel would answer with a reset (soccr/soccr.c, send_queue); it is sent again later.
 */
export const lockNetwork = (pid: number, armed?: Armed) => load(pid, rules('refusals'), armed);

/** Whether the lock, in either of its forms, is there. */
export async function isLocked(pid: number): Promise<boolean> {
  const { status, stdout, stderr } = await execute(PACKET_RULES, [String(pid)], 'list tables inet\n');
  if (status !== 0) throw new HelperFailure('tool-failed', 'the pod’s network could not be looked at', stderr);
  return stdout.split('\n').includes(`table inet ${TABLE}`);
}

/** Source, after the commit: as locked, but resets go out. Idempotent. */
export const permitResets = (pid: number, armed?: Armed) => load(pid, rules('all'), armed);

/** Takes lock or guard away. Idempotent. */
export const unlockNetwork = (pid: number, armed?: Armed) =>
  load(pid, `table inet ${TABLE}\ndelete table inet ${TABLE}\n`, armed);

const LOOPBACK = ['127.0.0.0/8', '[::1]'];
const anyOf = (side: string, addresses: readonly string[]) =>
  `( ${addresses.map((address) => `${side} ${address.includes(':') && !address.startsWith('[') ? `[${address}]` : address}`).join(' or ')} )`;

/** {@link abortOutside}, started ahead: it acts once its input comes. */
export function armAbort(pid: number, own: readonly string[]): Armed {
  const filter = `${anyOf('src', own)} and not ${anyOf('dst', [...own, ...LOOPBACK])}`;
  const enter = ['enter', '--pid', String(pid), '--ns', 'net', '--arguments', 'stdin', '--'];
  return arm(MOUNT_HELPER, [...enter, '/usr/bin/ss', '-HKtun', 'state', 'connected', filter]);
}

/**
 * Ends connections of these local addresses with anything outside the pod (SOCK_DESTROY, kernel option
 * INET_DIAG_DESTROY; UDP too): the program gets an error at its next call, a TCP peer a reset if the network lets it
 * out. Returns how many.
 */
export async function abortOutside(pid: number, own: readonly string[], armed?: Armed): Promise<number> {
  if (own.length === 0) return 0;
  const { status, stdout, stderr } = await (armed ?? armAbort(pid, own)).run(`${ARGUMENTS_END}\0`);
  if (status !== 0) throw new HelperFailure('tool-failed', 'connections could not be reset', stderr);
  return stdout.split('\n').filter(Boolean).length;
}

/** True when a connection or a bound socket of the pod still refers to one of the addresses. */
export async function addressesInUse(pid: number, addresses: readonly string[]): Promise<boolean> {
  if (addresses.length === 0) return false;
  const args = inNetwork(pid, '/usr/bin/ss', '-Htuan', anyOf('src', addresses));
  return (await executeOrFail('/usr/bin/nsenter', args)).trim() !== '';
}

const family = (address: string) => (address.includes(':') ? '-6' : '-4');
const withLength = (address: string) => `${address}/${address.includes(':') ? 128 : 32}`;

/** Adds addresses to the pod's loopback device. Idempotent. */
export async function addToLoopback(pid: number, addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    const flags = address.includes(':') ? ['nodad'] : [];
    const args = inNetwork(
      pid,
      '/usr/bin/ip',
      family(address),
      'addr',
      'replace',
      withLength(address),
      'dev',
      'lo',
      ...flags,
    );
    await executeOrFail('/usr/bin/nsenter', args);
  }
}

/** Takes them away again. Idempotent. */
export async function removeFromLoopback(pid: number, addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    const args = inNetwork(pid, '/usr/bin/ip', family(address), 'addr', 'del', withLength(address), 'dev', 'lo');
    const { status, stderr } = await execute('/usr/bin/nsenter', args);
    if (status !== 0 && !/Cannot assign|Address not found/.test(stderr)) {
      throw new HelperFailure('tool-failed', `${address} could not be removed`, stderr);
    }
  }
}

/** The pod's own addresses, loopback and link-local left out. */
export async function podAddresses(pid: number): Promise<string[]> {
  const text = await executeOrFail(
    '/usr/bin/nsenter',
    inNetwork(pid, '/usr/bin/ip', '-o', 'addr', 'show', 'scope', 'global'),
  );
  return [...text.matchAll(/^\d+:\s+(\S+)\s+inet6?\s+([0-9a-f.:]+)\//gm)]
    .filter(([, device]) => device !== 'lo')
    .map(([, , address]) => address ?? '');
}

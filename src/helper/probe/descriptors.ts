import { readdirSync } from 'node:fs';
import { capabilitySet } from '../capabilities.ts';
import { execute } from '../command.ts';
import type { Obstacle } from '../facts.ts';
import { descriptorTarget, readProc } from '../processes.ts';

/** A descriptor of a process of the container. */
export type Descriptor = { pid: number; name: string; fd: number; target: string };

/** All open descriptors of some processes. Those that close meanwhile are left out. */
export function listDescriptors(processes: readonly { pid: number; name: string }[]): Descriptor[] {
  const found: Descriptor[] = [];
  for (const { pid, name } of processes) {
    let numbers: string[] = [];
    try {
      numbers = readdirSync(`/proc/${pid}/fd`);
    } catch {
      continue;
    }
    for (const number of numbers)
      found.push({ pid, name, fd: Number(number), target: descriptorTarget(pid, Number(number)) });
  }
  return found;
}

/** What CRIU can carry of anonymous inodes (criu/files.c, dump_one_file). */
const KNOWN_ANONYMOUS = new Set([
  'eventfd',
  'eventpoll',
  'signalfd',
  'timerfd',
  'inotify',
  'fanotify',
  'pidfd',
  'memfd',
]);

/**
 * Descriptors that CRIU refuses, as obstacles, and groups of fanotify(7) in a container whose `bounding` set of capabilities has
 * no SYS_ADMIN: CRIU would make one that can do more than those that everybody may make.
 */
export function descriptorObstacles(descriptors: readonly Descriptor[], bounding: bigint): Obstacle[] {
  const mayWatchAll = (bounding & capabilitySet(['SYS_ADMIN'])) !== 0n;
  const obstacles = new Map<string, Obstacle>();
  const add = (code: Obstacle['code'], detail: string) => obstacles.set(`${code} ${detail}`, { code, detail });
  for (const { name, fd, target } of descriptors) {
    const anonymous = /^anon_inode:\[?([^\]]+)\]?$/.exec(target)?.[1];
    if (anonymous === 'io_uring') add('io-uring', `${name} uses io_uring`);
    else if (anonymous && !KNOWN_ANONYMOUS.has(anonymous))
      add('file-kind', `${name} has descriptor ${fd} open: ${target}`);
    else if (anonymous === 'fanotify' && !mayWatchAll)
      add('file-kind', `${name} has descriptor ${fd} open: ${target}, without SYS_ADMIN`);
    else if (/^\/dev\/(pts\/\d+|tty\d*|console)$/.test(target))
      add('terminal', `${name} has the terminal ${target} open`);
    else if (OF_PROJECTION.test(target)) add('volume-file', `${name} has ${target} open`);
    else if (isDevice(target)) add('file-kind', `${name} has the device ${target} open`);
  }
  return [...obstacles.values()];
}

/** kubelet writes ConfigMaps, Secrets and tokens into a directory named by the time (atomic_writer.go). */
const OF_PROJECTION = /\/\.\.\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d\.\d+\//;

const HARMLESS_DEVICES = new Set(['null', 'zero', 'full', 'random', 'urandom']);
const isDevice = (target: string) =>
  target.startsWith('/dev/') &&
  !/^\/dev\/(shm|mqueue|pts|termination-log)\b/.test(target) &&
  !HARMLESS_DEVICES.has(target.slice(5));

/**
 * Protocol of every socket by inode, as the kernel names it (`TCP`, `MPTCP`, `UNIX`...; xattr `system.sockprotoname`,
 * net/socket.c): the only place where a listening MPTCP socket shows.
 */
export async function socketProtocols(descriptors: readonly Descriptor[]): Promise<Map<number, string>> {
  const sockets = new Map<string, number>();
  for (const { pid, fd, target } of descriptors) {
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode) sockets.set(`/proc/${pid}/fd/${fd}`, Number(inode));
  }
  const protocols = new Map<number, string>();
  const files = [...sockets.keys()];
  for (let at = 0; at < files.length; at += 1000) {
    const args = ['--absolute-names', '--name', 'system.sockprotoname', '--', ...files.slice(at, at + 1000)];
    const { stdout } = await execute('/usr/bin/getfattr', args);
    for (const [, file = '', value = ''] of stdout.matchAll(/^# file: (.+)\nsystem\.sockprotoname=(.*)$/gm)) {
      const inode = sockets.get(file);
      if (inode !== undefined) protocols.set(inode, decodeAttribute(value));
    }
  }
  return protocols;
}

/** getfattr shows a value with a NUL in it, as these have, in base64. */
function decodeAttribute(value: string): string {
  const text = value.startsWith('0s') ? Buffer.from(value.slice(2), 'base64').toString() : value.replace(/^"|"$/g, '');
  return text.replace(/(\\000|\0)+$/, '');
}

/** Sockets of a protocol that neither CRIU nor the patch for MPTCP knows. */
export function socketObstacles(protocols: ReadonlyMap<number, string>): Obstacle[] {
  const known = new Set([
    'TCP',
    'TCPv6',
    'UDP',
    'UDPv6',
    'UDP-Lite',
    'UDPLITEv6',
    'UNIX',
    'UNIX-STREAM',
    'NETLINK',
    'MPTCP',
    'MPTCPv6',
    'RAW',
    'RAWv6',
    'PACKET',
    'PING',
    'PINGv6',
  ]);
  const unknown = new Set([...protocols.values()].filter((protocol) => !known.has(protocol)));
  return [...unknown].map((protocol) => ({ code: 'socket-kind', detail: `a socket of protocol ${protocol}` }) as const);
}

/** Memory that CRIU cannot carry, and tracers. */
export function processObstacles({ pid, name }: { pid: number; name: string }): Obstacle[] {
  const obstacles: Obstacle[] = [];
  if (/ \/anon_hugepage|\/dev\/hugepages\//.test(readProc(pid, 'maps') ?? '')) {
    obstacles.push({ code: 'huge-pages', detail: `${name} uses explicit huge pages` });
  }
  const tracer = /^TracerPid:\s*([1-9]\d*)/m.exec(readProc(pid, 'status') ?? '')?.[1];
  if (tracer) obstacles.push({ code: 'traced', detail: `${name} is traced by process ${tracer}` });
  return obstacles;
}

import { spawnSync } from 'node:child_process';
import { z } from 'zod';
import { type Capability, capabilitySet } from '../capabilities.ts';
import { HelperFailure } from '../failure.ts';
import { attainable, type Granted } from './credentials.ts';
import type { CriuImages, Named } from './criu-image.ts';

const file = z.looseObject({
  /** Of CRIU's enum fd_types. */
  type: z.int(),
  /** Of an internet socket: as socket(2) takes it, the port that it is bound to, and what it marks packets with, 0 for none. */
  isk: z
    .looseObject({
      type: z.int(),
      src_port: z.int(),
      opts: z.looseObject({ so_mark: z.int().default(0) }),
    })
    .optional(),
});
type File = z.infer<typeof file>;

/** Something open, in words, and the capabilities of which one makes it. */
type Taken = readonly [what: string, ...capabilities: Capability[]];

/** INETSK of CRIU's enum fd_types. */
const INTERNET = 4;
/**
 * PACKETSK, FANOTIFY, TUNF and BPFMAP. A group of fanotify(7) gets open what others open, anywhere in a file system that some
 * mount is a part of, such as the node's. Those that everybody may make get less; made by CRIU they are none of these.
 */
const TAKEN: ReadonlyMap<number, Taken> = new Map<number, Taken>([
  [10, ['packet sockets', 'NET_RAW']],
  [12, ['fanotify groups', 'SYS_ADMIN']],
  [15, ['network devices', 'NET_ADMIN']],
  [19, ['maps of BPF', 'BPF', 'SYS_ADMIN']],
]);
/** What of a socket's type is no flag, and the types that everybody may make: SOCK_STREAM and SOCK_DGRAM. */
const TYPE = 0xf;
const PLAIN = new Set([1, 2]);
/** The first port of those that everybody may bind to, where the kernel is not told otherwise (ip(7)). */
const PRIVILEGED = 1024;

/**
 * What open files of an image take that nobody in the container can have: CRIU makes them as root. `unprivilegedFrom`: the
 * first port that everybody in the pod may bind to. Pure but for that.
 */
export function descriptorExcesses(
  images: CriuImages,
  files: Named | undefined,
  granted: Granted,
  unprivilegedFrom: () => number,
): string[] {
  // Without it CRIU takes them from images of old (criu/cr-restore.c, files_collected).
  if (!files) return ['no open files'];
  const usable = attainable(granted);
  const may = (...capabilities: readonly Capability[]) => (usable & capabilitySet(capabilities)) !== 0n;
  const beyond = images.entries(files.name, files.data, 'file_entry', file).flatMap((each) => {
    const one = TAKEN.get(each.type);
    return (one ? [one] : socketTakes(each, unprivilegedFrom)).flatMap(([what, ...capabilities]) =>
      may(...capabilities) ? [] : [`${what} without ${capabilities.join(' or ')}`],
    );
  });
  return [...new Set(beyond)].map((what) => `${files.name}: ${what}`);
}

function socketTakes({ type, isk }: File, unprivilegedFrom: () => number): Taken[] {
  if (type !== INTERNET || !isk) return [];
  if (!PLAIN.has(isk.type & TYPE)) return [['raw sockets', 'NET_RAW']];
  const { src_port: port, opts } = isk;
  const found: Taken[] = [];
  if (port > 0 && port < PRIVILEGED && port < unprivilegedFrom())
    found.push([`a socket at port ${port}`, 'NET_BIND_SERVICE']);
  // By its mark rules of the network tell a packet from others (socket(7)).
  if (opts.so_mark !== 0) found.push(['sockets with a mark', 'NET_ADMIN', 'NET_RAW']);
  return found;
}

/** The first port that everybody may bind to in the network of a process. Throws `tool-failed` when it is not told. */
export function unprivilegedPortsFrom(pid: number): number {
  const SETTING = '/proc/sys/net/ipv4/ip_unprivileged_port_start';
  const args = [`--net=/proc/${pid}/ns/net`, '--', '/usr/bin/cat', SETTING];
  const { status, stdout, stderr, error } = spawnSync('/usr/bin/nsenter', args, { encoding: 'utf8' });
  if (status === 0 && /^\d+$/.test(stdout.trim())) return Number(stdout);
  throw new HelperFailure('tool-failed', 'the pod’s network could not be looked at', error?.message ?? stderr);
}

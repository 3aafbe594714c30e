import { existsSync, readFileSync, statfsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { cacheFolder } from './cache.ts';
import { hierarchies } from './cgroup.ts';
import { folders } from './folders.ts';
import { type Route, routesIn, taken } from './host-network.ts';
import type { Say } from './progress.ts';
import { run, tryRun } from './run.ts';
import { bootId, readState } from './state.ts';
import { bridge, ranges } from './topology.ts';

/** What decides whether a machine can carry a lab. */
export interface MachineFacts {
  readonly isRoot: boolean;
  readonly architecture: string;
  readonly hasApt: boolean;
  readonly hasGo: boolean;
  readonly controllers: readonly string[];
  /** Free megabytes, and the type number of the file system, where the cache and where the lab's data go. */
  readonly cache: Disk;
  readonly data: Disk;
  readonly addresses: readonly string[];
  readonly routes: readonly Route[];
  readonly hasBridge: boolean;
  /** Whether a lab's state says that a bridge of the lab's name may be there. */
  readonly ownsNetwork: boolean;
}

interface Disk {
  readonly folder: string;
  readonly freeMegabytes: number;
  readonly type: number;
  readonly neededMegabytes: number;
}

const overlayFs = 0x794c7630;
const neededControllers = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids'];

/** What a cold build leaves in the cache (and the Go build cache beside it), and what a lab writes while it runs. */
const neededMegabytes = { coldCache: 8000, warmCache: 500, data: 4000 } as const;

/** Sentences that say why this machine cannot carry a lab; none when it can. */
export function problems(facts: MachineFacts): string[] {
  const found: string[] = [];
  if (!facts.isRoot) found.push('The lab makes namespaces and mounts: run it as root.');
  if (facts.architecture !== 'x64') {
    found.push(`The lab is built for x86-64 (x64) alone; this machine is ${facts.architecture}.`);
  }
  if (!facts.hasApt) found.push('The nodes are made of Debian packages: this machine has no apt-get.');
  if (!facts.hasGo) found.push('Kubernetes is compiled with Go: this machine has no go in its PATH.');
  const missing = neededControllers.filter((name) => !facts.controllers.includes(name));
  if (missing.length > 0) {
    found.push(`The nodes run on cgroup v1: this machine has no mounted hierarchy for ${missing.join(', ')}.`);
  }
  found.push(...diskProblems([facts.cache, facts.data]));
  if (facts.data.type === overlayFs) {
    found.push(
      `${facts.data.folder} is on an overlay file system, which containers cannot have their own overlays on.`,
    );
  }
  if (!facts.ownsNetwork) {
    if (facts.hasBridge) found.push(`A network link ${bridge.name} is there, and it is not a lab's.`);
    for (const range of ranges) {
      const by = taken(range, facts.addresses, facts.routes);
      if (by !== undefined) found.push(`The lab needs the addresses ${range}, but ${by} is in use on this machine.`);
    }
  }
  return found;
}

function diskProblems(disks: readonly Disk[]): string[] {
  return disks
    .filter(({ freeMegabytes, neededMegabytes: needed }) => freeMegabytes < needed)
    .map(({ folder, freeMegabytes, neededMegabytes: needed }) => {
      const gigabytes = (megabytes: number) => (megabytes / 1000).toFixed(1);
      return `${folder} needs ${gigabytes(needed)} GB of free disk space; there are ${gigabytes(freeMegabytes)} GB.`;
    });
}

/**
 * Checks that the machine can carry the lab that was asked for, and installs the few small tools that are missing.
 * @throws with one sentence for each problem before anything is changed.
 */
export async function preflight(isCold: boolean, say: Say): Promise<void> {
  const found = problems(await gather(isCold));
  if (found.length > 0) throw new Error(found.join('\n'));
  await installTools(say);
}

async function gather(isCold: boolean): Promise<MachineFacts> {
  const has = (program: string) =>
    (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(path.join(folder, program)));
  const state = readState();
  const controllers = hierarchies().flatMap(({ mountOptions }) => mountOptions.split(','));
  return {
    isRoot: process.getuid?.() === 0,
    architecture: os.arch(),
    hasApt: has('apt-get'),
    hasGo: has('go'),
    controllers,
    cache: disk(cacheFolder(), isCold ? neededMegabytes.coldCache : neededMegabytes.warmCache),
    data: disk(folders.data, neededMegabytes.data),
    addresses: Object.values(os.networkInterfaces()).flatMap((list) => (list ?? []).map(({ cidr }) => cidr ?? '')),
    routes: routesIn(readFileSync('/proc/net/route', 'utf8')),
    hasBridge: readFileSync('/proc/net/dev', 'utf8').includes(`${bridge.name}:`),
    ownsNetwork: state?.network === true && state.boot === bootId(),
  };
}

function disk(folder: string, needed: number): Disk {
  let place = folder;
  while (!existsSync(place)) place = path.dirname(place);
  const { bavail, bsize, type } = statfsSync(place);
  return { folder, freeMegabytes: Math.floor((bavail * bsize) / 1_000_000), type, neededMegabytes: needed };
}

/** Throws whatever the machine is: packets are delayed by netem alone, and no kernel with it has been seen here. */
export async function refuseLatency(): Promise<never> {
  const why = (await canDelay())
    ? 'is not built'
    : 'needs the netem queueing discipline, which this kernel does not have';
  throw new Error(`--latency ${why}.`);
}

/** Tries it in a network namespace of its own, which goes away with the command. */
async function canDelay(): Promise<boolean> {
  const attempt = await tryRun('unshare', [
    '--net',
    'tc',
    'qdisc',
    'add',
    'dev',
    'lo',
    'root',
    'netem',
    'delay',
    '1ms',
  ]);
  return attempt.code === 0;
}

/** Debian packages of the programs that the lab calls on the machine itself. */
const tools: Readonly<Record<string, string>> = {
  flock: 'util-linux',
  gcc: 'gcc',
  ip: 'iproute2',
  mmdebstrap: 'mmdebstrap',
  nsenter: 'util-linux',
  openssl: 'openssl',
  tar: 'tar',
  unshare: 'util-linux',
};

async function installTools(say: Say): Promise<void> {
  const found = await Promise.all(Object.keys(tools).map((name) => tryRun('sh', ['-c', `command -v ${name}`])));
  const packages = [...new Set(Object.values(tools).filter((_, place) => found[place]?.code !== 0))];
  if (packages.length === 0) return;
  say(`installing ${packages.join(', ')} with apt-get`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-q'], { env });
  await run('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...packages], { env });
}

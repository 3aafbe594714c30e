import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { capabilitiesIn } from '../capabilities.ts';
import { namespaceInode } from '../criu.ts';
import type { ContainerFacts, ContainerProcess, ContainerSocket, MovedVolume, Obstacle } from '../facts.ts';
import { sectionsOf } from '../files/copy.ts';
import { resolveInRoot, scanTree, sizeOf } from '../files/scan.ts';
import { formerAddresses } from '../former-addresses.ts';
import { parseMountInfo, upperDirectory } from '../mounts.ts';
import { podAddresses } from '../network.ts';
import {
  findPlaceholder,
  findRoot,
  innerPid,
  type ProcessInfo,
  parseNamespacePids,
  processTree,
  readProc,
} from '../processes.ts';
import {
  descriptorObstacles,
  listDescriptors,
  processObstacles,
  socketObstacles,
  socketProtocols,
} from './descriptors.ts';
import { readProcessSpec } from './process-spec.ts';
import { sharedFileObstacles } from './shared-files.ts';
import { classifySocket, parseNetTable } from './sockets.ts';
import { watchObstacles } from './watches.ts';

/**
 * Everything that the node knows about a container that is to be moved. Read-only; the container goes on meanwhile.
 * `shared`: where it sees volumes that the target will see at the same time.
 */
export async function probeContainer(
  containerId: string,
  volumes: readonly MovedVolume[],
  shared: readonly string[] = [],
): Promise<ContainerFacts> {
  const rootPid = findRoot(containerId);
  const tree = processTree(rootPid);
  const mounts = parseMountInfo(readProc(rootPid, 'mountinfo') ?? '');
  const process = readProcessSpec(containerId);
  const placeholderPid = findPlaceholder(containerId);
  const own = await podAddresses(rootPid);
  const addresses = [...new Set([...own, ...formerAddresses(placeholderPid)])].slice(0, 8);
  const descriptors = listDescriptors(tree);
  const protocols = await socketProtocols(descriptors);
  const sockets = listSockets(rootPid, protocols, own);
  const overlay = upperDirectory(mounts) !== undefined;
  const [changed, ...volumeSizes] = overlay
    ? sectionsOf([{ rootPid, volumes }]).map((section) =>
        sizeOf(scanTree(section.directory, section.skip, { withRoot: false })),
      )
    : [];
  const processes = tree.map(describeProcess);
  const obstacles: Obstacle[] = [
    ...(process.terminal ? [{ code: 'terminal', detail: 'the container has a terminal' } as const] : []),
    ...(overlay
      ? []
      : [{ code: 'root-not-overlay', detail: 'changes of the root file system cannot be told' } as const]),
    ...namespaceObstacles(rootPid, tree),
    ...sockets
      .filter(({ kind }) => kind === 'pod-address')
      .map(({ protocol, local }) => ({ code: 'pod-address-socket', detail: `${protocol} ${local}` }) as const),
    ...socketObstacles(protocols),
    ...descriptorObstacles(descriptors, boundingSetOf(rootPid)),
    ...watchObstacles(descriptors, rootPid, mounts),
    ...sharedFileObstacles(descriptors, rootPid, shared),
    ...tree.flatMap(processObstacles),
  ];
  return {
    containerId,
    rootPid,
    restored: placeholderPid !== rootPid,
    process,
    hostName: hostNameOf(rootPid),
    addresses,
    mounts: mounts.map(({ mountPoint, fsType, source, root, options, sharing }) => ({
      ...{ mountPoint, fsType, source, root, options, sharing },
    })),
    processes,
    memoryBytes: processes.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
    sockets,
    changedFiles: changed ?? { bytes: 0, files: 0 },
    volumes: volumes.map(({ name }, index) => ({ name, size: volumeSizes[index] ?? { bytes: 0, files: 0 } })),
    obstacles,
  };
}

function describeProcess({ pid, name }: { pid: number; name: string }): ContainerProcess {
  const status = readProc(pid, 'status') ?? '';
  const kilobytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
  return {
    pid,
    innerPid: innerPid(pid) || 1,
    name,
    threads: Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 1),
    memoryBytes: (kilobytes('RssAnon') + kilobytes('RssShmem')) * 1024,
  };
}

/** What of capabilities any process of the container can have. */
function boundingSetOf(rootPid: number): bigint {
  const status = readProc(rootPid, 'status');
  return status === undefined ? 0n : capabilitiesIn(status, 'CapBnd');
}

function listSockets(pid: number, protocols: ReadonlyMap<number, string>, own: readonly string[]): ContainerSocket[] {
  const sockets: ContainerSocket[] = [];
  const tables = new Map<number, ReturnType<typeof parseNetTable>[number]>();
  for (const table of ['tcp', 'tcp6', 'udp', 'udp6']) {
    for (const line of parseNetTable(readProc(pid, `net/${table}`) ?? '')) {
      if (line.inode > 0) tables.set(line.inode, line);
    }
  }
  for (const [inode, name] of protocols) {
    const line = tables.get(inode);
    const isMptcp = name.startsWith('MPTCP');
    const seen = line && classifySocket(line, name.startsWith('UDP') ? 'udp' : 'tcp', own);
    // The tables of TCP show an MPTCP listener as one of TCP, and not always.
    if (isMptcp) sockets.push({ kind: 'listening', local: '', remote: '', ...seen, protocol: 'mptcp' });
    else if (seen) sockets.push(seen);
  }
  return sockets;
}

function namespaceObstacles(rootPid: number, tree: readonly ProcessInfo[]): Obstacle[] {
  const userNamespace = namespaceInode(rootPid, 'user') !== namespaceInode(1, 'user');
  const depthOf = (pid: number) => parseNamespacePids(readProc(pid, 'status') ?? '').length;
  const sandboxed = tree.find(({ pid }) => depthOf(pid) > depthOf(rootPid));
  return [
    ...(userNamespace
      ? [{ code: 'user-namespace', detail: 'the pod has a user namespace of its own (hostUsers: false)' } as const]
      : []),
    ...(sandboxed
      ? [
          {
            code: 'own-pid-namespace',
            detail: `${sandboxed.name} runs in a PID namespace that the program made`,
          } as const,
        ]
      : []),
  ];
}

/** The kernel shows a UTS namespace's name to its members only; the pod's /etc/hostname is made by kubelet from it. */
function hostNameOf(pid: number): string {
  try {
    const fd = openSync(resolveInRoot(`/proc/${pid}/root`, '/etc/hostname'), constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return readFileSync(fd, 'utf8').slice(0, 256).trim();
    } finally {
      closeSync(fd);
    }
  } catch {
    return '';
  }
}

import type { Finding } from '../../domain/finding.ts';
import type { Plan } from '../../domain/plan.ts';
import type { ContainerFacts, NodeFacts } from '../../helper/protocol.ts';

/** Room that the target node must have beyond the process image itself, in bytes. */
const SPARE_BYTES = 64 * 2 ** 20;

/** What the source node shows about the container: what cannot move, and what memory keeps. Pure. */
export function containerFindings(plan: Plan, name: string, container: ContainerFacts): Finding[] {
  const findings: Finding[] = container.obstacles.map(({ code, detail }) => ({
    code: 'E150',
    severity: 'error',
    what: `container ${name}: ${detail} (${code})`,
    why: 'it cannot be part of a process image, or would not be valid in the target',
    remedy: REMEDIES[code] ?? 'see Limits in the README',
  }));
  if (container.process.envNames.includes('KUBERNETES_SERVICE_HOST')) {
    findings.push({
      code: 'W201',
      severity: 'warning',
      what: `the process keeps its environment, with the addresses of services of ${plan.source.context} (KUBERNETES_SERVICE_HOST and others)`,
      why: 'what it read there at its start leads to the source cluster',
      remedy: 'restart the pod later if it speaks with the API server, or set enableServiceLinks: false',
    });
  }
  const outside = container.sockets.filter((socket) => socket.kind === 'outside').length;
  if (outside > 0) {
    findings.push({
      code: 'W203',
      severity: 'warning',
      what: `${outside} connections with the outside are open; those still open at the commit are reset`,
      why: 'the pod gets another address',
      remedy: 'clients that reconnect need nothing',
    });
  }
  return findings;
}

const REMEDIES: Partial<Record<ContainerFacts['obstacles'][number]['code'], string>> = {
  'io-uring':
    'set seccompProfile: {type: RuntimeDefault}: it forbids io_uring, and programs such as Node.js do without',
  'huge-pages': 'start the program without huge pages',
  'pod-address-socket': 'let the program listen on 0.0.0.0 or [::] instead of the pod’s own address',
  'file-watch': 'let the program watch the directory of a volume, or nothing, and try again',
  'volume-file':
    'let the program close it once it is read: files of ConfigMaps, Secrets and tokens have other names in the target',
  'shared-file':
    'both nodes see the volume at the moment of the restore: let the program give it up first; a pod that keeps its name within its cluster keeps such files too',
  'own-pid-namespace': 'start the program without a sandbox of its own',
  traced: 'end the debugger that is attached to it',
};

/** What a node can give to images: a tmpfs tells how much it may take, not what is there. */
const freeFor = ({ imagesFreeBytes, memoryAvailableBytes }: NodeFacts) =>
  Math.min(imagesFreeBytes, memoryAvailableBytes);

/** Whether the memory finds room once more on both nodes, beside its image and, in the target, the process. Pure. */
export function hasRoomForCopy(memoryBytes: number, source: NodeFacts, target: NodeFacts): boolean {
  return freeFor(source) >= 3 * memoryBytes + SPARE_BYTES && freeFor(target) >= 4 * memoryBytes + SPARE_BYTES;
}

/** Whether what runs on the source's processor runs on the target's, whoever restores it. Pure. */
export function compareProcessors(plan: Plan, node: NodeFacts, target: NodeFacts): Finding[] {
  const findings: Finding[] = [];
  const error = (code: Finding['code'], what: string, why: string, remedy: string) =>
    findings.push({ code, severity: 'error', what, why, remedy });
  const names = namesOf(plan);
  if (node.architecture !== target.architecture) {
    error(
      'E130',
      `${names.source} is ${node.architecture}, ${names.target} is ${target.architecture}`,
      'a process image runs only on the architecture that it was taken on',
      'choose another node with --to-node',
    );
  }
  const missing = node.cpuFlags.filter((flag) => !target.cpuFlags.includes(flag));
  if (missing.length > 0) {
    error(
      'E131',
      `the processor of ${names.target} lacks ${missing.join(' ')}`,
      'the program has chosen its code by what the source’s processor can do (CRIU #2824)',
      'choose another node with --to-node',
    );
  }
  return findings;
}

function namesOf({ source, target }: Plan) {
  return { source: `node ${source.node}`, target: `node ${target.node}` };
}

/** What the two nodes must have in common, and the room that the target needs. Pure. */
export function compareNodes(
  plan: Plan,
  source: { node: NodeFacts; memoryBytes: number },
  target: NodeFacts,
): Finding[] {
  const { node } = source;
  const findings = compareProcessors(plan, node, target);
  const error = (code: Finding['code'], what: string, why: string, remedy: string) =>
    findings.push({ code, severity: 'error', what, why, remedy });
  const names = namesOf(plan);
  for (const side of ['source', 'target'] as const) {
    const { criu } = side === 'source' ? node : target;
    if (criu.usable) continue;
    error(
      'E151',
      `CRIU ${criu.version} does not work on ${names[side]}: ${criu.problems.join('; ')}`,
      'it takes and restores the process image',
      'choose another node, or a newer kernel there',
    );
  }
  const { memoryBytes } = source;
  for (const side of ['source', 'target'] as const) {
    // In the target the process lies beside its image.
    const needed = (side === 'source' ? memoryBytes : 2 * memoryBytes) + SPARE_BYTES;
    const free = freeFor(side === 'source' ? node : target);
    if (free >= needed) continue;
    error(
      'E133',
      `${names[side]} has ${mebibytes(free)} MiB free for the process image, ${mebibytes(needed)} MiB are needed`,
      'the image is kept in memory on both nodes during the move',
      side === 'source' ? 'make room on that node' : 'choose another node with --to-node, or make room',
    );
  }
  return findings;
}

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { BULK_SOCKET } from '../../src/helper/pod-spec.ts';
import {
  type ContainerFacts,
  type Handover,
  type HelperErrorBody,
  type HelperOp,
  type HelperOps,
  helperOps,
  type NodeFacts,
  PROTOCOL_VERSION,
  requestSchema,
} from '../../src/helper/protocol.ts';
import type { CommandIo } from './fake-exec.ts';

type Results = { [O in HelperOp]?: HelperOps[O]['result'] };

export const NODE_FACTS: NodeFacts = {
  architecture: 'x64',
  kernel: '6.1.0',
  cpuModel: 'fake',
  cpuFlags: ['sse2', 'avx'],
  cgroupVersion: 2,
  memoryAvailableBytes: 2 ** 33,
  imagesFreeBytes: 2 ** 33,
  criu: { version: '4.2.1', usable: true, problems: [] },
};

export const CONTAINER_FACTS: ContainerFacts = {
  containerId: 'c0'.repeat(32),
  rootPid: 4711,
  restored: false,
  process: { args: ['/cart', '--serve'], envNames: ['PATH'], cwd: '/', uid: 0, gid: 0, groups: [0], terminal: false },
  hostName: 'cart-0',
  addresses: ['10.1.0.5'],
  mounts: [
    { mountPoint: '/', fsType: 'overlay', source: 'overlay', root: '/', options: ['rw'], sharing: [] },
    { mountPoint: '/proc', fsType: 'proc', source: 'proc', root: '/', options: ['rw'], sharing: [] },
    { mountPoint: '/proc/sys', fsType: 'proc', source: 'proc', root: '/sys', options: ['ro'], sharing: [] },
    { mountPoint: '/etc/hosts', fsType: 'ext4', source: '/dev/sda1', root: '/hosts', options: ['rw'], sharing: [] },
  ],
  processes: [{ pid: 4711, innerPid: 1, name: 'cart', threads: 1, memoryBytes: 2 ** 20 }],
  memoryBytes: 2 ** 20,
  sockets: [],
  changedFiles: { bytes: 0, files: 0 },
  volumes: [],
  obstacles: [],
};

const transfer = { bytes: 3, sha256: '0'.repeat(64), milliseconds: 1 };
const criu = { totalMs: 1, wallMs: 1 };
const HANDOVER: Handover = {
  externalMounts: [],
  stdio: ['/dev/null', '/dev/null', '/dev/null'],
  rootMode: 0o755,
  innerPids: [1],
};
const RESULTS: Results = {
  'probe-node': NODE_FACTS,
  probe: { node: NODE_FACTS, containers: [CONTAINER_FACTS] },
  'await-channel': {},
  'close-channel': {},
  reach: { reachable: true, detail: 'answered' },
  precopy: { transfer, files: 1 },
  'copy-memory': { transfer },
  receive: { transfer, files: 1 },
  freeze: {
    handovers: [HANDOVER],
    images: transfer,
    knownBytes: 0,
    delta: transfer,
    deltaFiles: 0,
    criu,
    timings: { lockMs: 1, dumpMs: 1, imagesMs: 1, deltaMs: 1, totalMs: 4 },
  },
  fence: { connections: 2 },
  halt: { bytes: 0 },
  'remove-archive': {},
  thaw: {},
  restarts: { obstacle: '' },
  seal: { obstacle: '' },
  'release-connections': { connections: 0 },
  'take-up': {},
  'take-up-restored': {},
  'prepare-restore': {},
  restore: { processes: 1, criu, guardMs: 1, totalMs: 1 },
  continue: { connections: 0, totalMs: 1 },
  discard: {},
  'carry-files': { transfer, files: 1 },
  status: {
    version: 1,
    source: { state: 'idle', containerIds: [], thawInMs: null },
    target: { state: 'idle', containerIds: [] },
    channels: [],
    images: true,
    deadlineInMs: 1000,
  },
};

/** The answer to a freeze of these processes. */
export function frozenWith(innerPids: number[]): NonNullable<Results['freeze']> {
  const { freeze } = RESULTS;
  if (!freeze) throw new Error('every operation has a result');
  return { ...freeze, handovers: [{ ...HANDOVER, innerPids }] };
}

/**
 * A helper that succeeds at everything at once, but for what `fail` names and what `answers` replaces. `asked` lists
 * the operations in order; `on` is told before the reply goes out.
 */
export class FakeHelper {
  readonly asked: HelperOp[] = [];
  readonly fail = new Map<HelperOp, HelperErrorBody>();
  /** What it never answers. */
  readonly deafTo = new Set<HelperOp>();
  readonly answers: Results = {};
  /** What lies in the archive of a checkpoint; `halt` tells its length. */
  archive: Buffer = Buffer.alloc(0);
  on: (op: HelperOp) => void = () => undefined;
  /** What an operation does beyond that; what it throws as an error body is the helper’s refusal, what it yields its result. */
  play: (op: HelperOp, args: unknown) => unknown = () => undefined;

  /** Plays the helper's commands: a control stream, `archive` and the two ends of a bulk stream. */
  async run(command: readonly string[], io: CommandIo): Promise<number> {
    if (command.includes(BULK_SOCKET)) {
      io.stdin.resume();
      return await new Promise<number>(() => undefined);
    }
    if (command.includes('archive')) {
      io.stdout.write(this.archive);
      const sha256 = createHash('sha256').update(this.archive).digest('hex');
      io.stderr(JSON.stringify({ bytes: this.archive.length, sha256 }));
      // As the real one: a command that ends earlier may take what is on its way with it.
      await once(io.stdin.resume(), 'end');
      return 0;
    }
    for await (const line of createInterface({ input: io.stdin })) {
      const reply = this.reply(line);
      if (reply !== undefined) io.stdout.write(`${reply}\n`);
    }
    return 0;
  }

  /** Carries out one request and yields the reply to it; undefined for none. */
  reply(line: string): string | undefined {
    const { id, op, args } = requestSchema.parse(JSON.parse(line));
    if (!isOp(op)) throw new Error(`no such operation: ${op}`);
    this.asked.push(op);
    if (this.deafTo.has(op)) return undefined;
    const error = this.fail.get(op);
    if (error) return JSON.stringify({ v: PROTOCOL_VERSION, id, ok: false, error });
    this.on(op);
    const own = op === 'halt' ? { bytes: this.archive.length } : undefined;
    try {
      const result = this.play(op, args) ?? this.answers[op] ?? own ?? RESULTS[op];
      return JSON.stringify({ v: PROTOCOL_VERSION, id, ok: true, result });
    } catch (refusal) {
      return JSON.stringify({ v: PROTOCOL_VERSION, id, ok: false, error: refusal });
    }
  }
}

function isOp(name: string): name is HelperOp {
  return name in helperOps;
}

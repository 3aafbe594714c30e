import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Side } from '../../src/domain/refs.ts';
import {
  cutNetwork,
  killProgram,
  loseApiServer,
  loseNode,
  restartRuntime,
  setNodeClock,
  smallDisk,
  type Undo,
} from '../lab/faults.ts';
import type { NodeName } from '../lab/index.ts';
import { imagesFolder } from './images-folder.ts';
import type { Context } from './kubectl.ts';
import { expireToken, renewToken } from './rights.ts';
import type { Scenario } from './scenario.ts';
import type { Part } from './struck-move.ts';

/** A move of a pod between the second nodes of the clusters that a fault strikes. */
export interface Struck {
  readonly scene: Scenario;
  readonly pod: string;
  readonly id: string;
  readonly from: Context;
  readonly to: Context;
  /** Sends the program a signal, unless it has ended. */
  signal(name: NodeJS.Signals): void;
}

/** What can happen to a move. What lasts is undone after a while; what does not yields nothing. */
export interface LabFault {
  readonly name: string;
  /** Only while the move is in this part; in any when absent. */
  readonly only?: Part;
  /** So long, in ms, and no longer: what goes on without it has gone on by then. */
  readonly atMostMs?: number;
  inflict(struck: Struck): Promise<Undo | undefined>;
}

/** So long an API server takes a token that it has seen without looking at it again (10 s), in ms. */
const REMEMBERED_MS = 11_000;

const HOUR_S = 3600;
/** A clock that is wrong keeps nobody waiting. */
const BRIEF = { atMostMs: 6_000 } as const;

const node = (context: Context): NodeName => `${context}-2`;
const control = (context: Context): NodeName => `${context}-1`;
const once = async (act: unknown): Promise<undefined> => {
  await act;
  return undefined;
};

/** Faults of the machinery below a move. Nothing else can go on meanwhile on the lab. */
const MACHINE_FAULTS: readonly LabFault[] = [
  { name: 'kubelet of the source stopped', inflict: ({ from }) => killProgram(node(from), 'kubelet') },
  { name: 'kubelet of the target stopped', inflict: ({ to }) => killProgram(node(to), 'kubelet') },
  { name: 'containerd of the source restarted', inflict: ({ from }) => once(restartRuntime(node(from))) },
  { name: 'containerd of the target restarted', inflict: ({ to }) => once(restartRuntime(node(to))) },
  { name: 'target node gone', inflict: ({ to }) => loseNode(node(to)) },
  { name: 'API server of the source down', inflict: ({ from }) => loseApiServer(control(from)) },
  { name: 'API server of the target down', inflict: ({ to }) => loseApiServer(control(to)) },
  { name: 'network between the clusters cut', inflict: () => cutNetwork('between the clusters') },
  { name: 'network to the source cut', inflict: ({ from }) => cutNetwork({ from: 'this machine', to: from }) },
  { name: 'network to the target cut', inflict: ({ to }) => cutNetwork({ from: 'this machine', to }) },
  { name: 'clock of the source an hour ahead', ...BRIEF, inflict: (struck) => shiftClock(struck, 'source', HOUR_S) },
  { name: 'clock of the source an hour behind', ...BRIEF, inflict: (struck) => shiftClock(struck, 'source', -HOUR_S) },
  { name: 'clock of the target an hour ahead', ...BRIEF, inflict: (struck) => shiftClock(struck, 'target', HOUR_S) },
  { name: 'clock of the target an hour behind', ...BRIEF, inflict: (struck) => shiftClock(struck, 'target', -HOUR_S) },
  { name: 'disk of the target full', only: 'begin', inflict: ({ to }) => smallDisk(node(to), 2) },
];

/** Faults of what belongs to the move alone. */
const OWN_FAULTS: readonly LabFault[] = [
  { name: 'token for the source expired in sleep', inflict: (struck) => expire(struck) },
  { name: 'target pod evicted', only: 'prepare', inflict: (struck) => once(evict(struck)) },
  { name: 'target pod without memory', only: 'prepare', inflict: (struck) => once(withoutMemory(struck)) },
  { name: 'image truncated', only: 'prepare', inflict: (struck) => once(spoilImage(struck, truncate)) },
  { name: 'image with a flipped bit', only: 'prepare', inflict: (struck) => once(spoilImage(struck, flip)) },
];

/** Faults of the plugin and its helpers. */
const PROCESS_FAULTS: readonly LabFault[] = [
  { name: 'plugin killed', inflict: ({ signal }) => once(signal('SIGKILL')) },
  { name: 'interrupted', inflict: ({ signal }) => once(signal('SIGINT')) },
  { name: 'source helper removed', inflict: (struck) => once(removeHelper(struck, 'source')) },
  { name: 'target helper removed', inflict: (struck) => once(removeHelper(struck, 'target')) },
];

/** Faults that a move can meet while others go on beside it. */
export const FAULTS_BESIDE_OTHERS: readonly LabFault[] = [...OWN_FAULTS, ...PROCESS_FAULTS];

/** Everything that can happen to a move, and that it must survive in each of its parts. */
export const ALL_FAULTS: readonly LabFault[] = [...MACHINE_FAULTS, ...FAULTS_BESIDE_OTHERS];

/** A lid that is closed for longer than the token is good for. Whoever goes on afterwards has another one. */
async function expire({ scene: { kubectl, namespace, kubeconfig }, from, signal }: Struck): Promise<Undo> {
  await expireToken(kubectl, from, namespace);
  signal('SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, REMEMBERED_MS));
  signal('SIGCONT');
  return () => renewToken(kubectl, from, { namespace, kubeconfig });
}

/** A machine whose clock is set in the middle of a move: its kubelet, its runtime and the helper there see the time leap. */
async function shiftClock({ scene: { kubectl }, id, from, to }: Struck, side: Side, seconds: number): Promise<Undo> {
  const context = side === 'source' ? from : to;
  const find = ['-n', 'kubectl-migrate', 'get', 'pod', `helper-${id}-${side}`, '--ignore-not-found'];
  const uid = await kubectl.run(context, [...find, '-o', 'jsonpath={.metadata.uid}']);
  return setNodeClock(node(context), seconds, uid === '' ? [] : [uid]);
}

/** As `kubectl drain` does it. */
async function evict({ scene: { kubectl, namespace }, pod, to }: Struck): Promise<void> {
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod, namespace } };
  const url = `/api/v1/namespaces/${namespace}/pods/${pod}/eviction`;
  await kubectl.run(to, ['create', '--raw', url, '-f', '-'], JSON.stringify(eviction));
}

/** The target container may have less than the source needs; the kernel ends what takes more. */
async function withoutMemory({ scene: { lab, kubectl, namespace }, pod, to }: Struck): Promise<void> {
  const { metadata } = await kubectl.json<{ metadata: { uid: string } }>(to, ['-n', namespace, 'pod', pod]);
  const uid = metadata.uid.replaceAll('-', '_');
  const script = `for group in $(find /sys/fs/cgroup/memory -type d -name '*${metadata.uid}*' -o -type d -name '*${uid}*'); do
    echo 3M >$group/memory.limit_in_bytes; done`;
  const { code, stderr } = await lab.exec(node(to), ['sh', '-ec', script]);
  if (code !== 0) throw new Error(`memory of the target pod: ${stderr}`);
}

/** As somebody does who wants a pod to be gone at once. */
async function removeHelper({ scene: { kubectl }, id, from, to }: Struck, side: Side): Promise<void> {
  const words = ['delete', 'pod', `helper-${id}-${side}`, '--ignore-not-found', '--grace-period=0', '--force'];
  await kubectl.run(side === 'source' ? from : to, ['-n', 'kubectl-migrate', ...words, '--wait=false']);
}

/** Spoils an image of the move as soon as it is there. */
async function spoilImage(struck: Struck, spoil: (file: string) => void): Promise<void> {
  const folder = await imagesFolder(struck.scene, struck.id, node(struck.to));
  const file = path.join(folder, 'mm-1.img');
  for (const end = Date.now() + 20_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 1))) {
    if (!existsSync(file) || statSync(file).size === 0) continue;
    spoil(file);
    return;
  }
  throw new Error(`no image arrived in ${file}`);
}

function truncate(file: string): void {
  truncateSync(file, Math.floor(statSync(file).size / 2));
}

/** The first bit of the first length in the image. */
function flip(file: string): void {
  const image = readFileSync(file);
  image.writeUInt8(image.readUInt8(8) ^ 0x80, 8);
  writeFileSync(file, image);
}

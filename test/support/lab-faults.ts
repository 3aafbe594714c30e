import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { EXIT } from '../../src/domain/errors.ts';
import type { Side } from '../../src/domain/refs.ts';
import {
  cutNetwork,
  hangNode,
  killProgram,
  loseApiServer,
  rebootNode,
  restartRuntime,
  setNodeClock,
  smallDisk,
  type Undo,
} from '../lab/faults.ts';
import type { NodeName } from '../lab/index.ts';
import { imagesFolder } from './images-folder.ts';
import { type Context, KILLED } from './kubectl.ts';
import { removeByForce } from './node-processes.ts';
import { expireToken, renewToken } from './rights.ts';
import { standingStill } from './said.ts';
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
  /** Whether the program has ended. */
  isOver(): boolean;
}

/** An end that a move may come to: all of it holds. */
export interface End {
  readonly code: number;
  /** What stderr says somewhere. */
  readonly says?: RegExp;
  /** The program goes on until the fault is over. */
  readonly outlasts?: true;
}

/** What can happen to a move. What lasts is undone after a while; what does not yields nothing. */
export interface LabFault {
  readonly name: string;
  /** Only while the move is in these parts; in any when absent. */
  readonly only?: readonly Part[];
  /** The ends of which a move that it strikes in that part comes to one. Left out where it is chance whether it is noticed. */
  readonly ends?: Partial<Record<Part, readonly End[]>>;
  /** A soak leaves it out: nothing that is moved there would notice, or somebody who is not to: another pod, a later move. */
  readonly notInSoak?: true;
  /** It lasts until the move is over, however long that takes. */
  readonly throughout?: true;
  /** So long, in ms, and no longer: what goes on without it has gone on by then. */
  readonly atMostMs?: number;
  inflict(struck: Struck): Promise<Undo | undefined>;
}

/** Codes for a cluster or a helper that does not answer, or does so in the midst of its start. */
const UNREACHED = /error F3(1[01347]|20|3[012]|42)/;
const FAILED: End = { code: EXIT.failed, says: UNREACHED };
const NOT_LED_BACK: End = { code: EXIT.rollbackIncomplete, says: /error F390/ };
const MIDWAY: End = { code: EXIT.midway, says: /error F391/ };
const UNDISTURBED: readonly End[] = [{ code: EXIT.done }];
const WAITS: End = { code: EXIT.done, outlasts: true };

const inAll = (ends: readonly End[]) => ({ prepare: ends, freeze: ends, switch: ends, finalize: ends });
/** Nothing goes on without it: it is waited for or fails the move. */
const FELT = inAll([WAITS, { code: EXIT.done, says: /trying again/ }, FAILED, NOT_LED_BACK, MIDWAY]);
/** There is no freeze without it; after the commit it is waited for. */
const NEEDED = {
  prepare: [FAILED, NOT_LED_BACK],
  freeze: [FAILED, NOT_LED_BACK],
  switch: [WAITS, MIDWAY],
  finalize: [WAITS, MIDWAY],
};
/** A helper that is gone: whether it has done its part of the freeze by then is chance. */
const HELPER_NEEDED = { prepare: [FAILED], switch: [{ code: EXIT.done }, MIDWAY], finalize: [{ code: EXIT.done }] };
/** The target pod is not what it was, whoever sees it first. */
const TARGET_GONE: End = { code: EXIT.failed, says: /error F3(14|32|4[1349])/ };
const UNKNOWN_USER = /does not know you/;
const SPOILT: readonly End[] = [{ code: EXIT.failed, says: /error F34[12]|the process image is damaged/ }];
const INTERRUPTED: readonly End[] = [{ code: EXIT.interrupted, says: /interrupted: turning back/ }];
const GOES_ON: readonly End[] = [{ code: EXIT.done, says: /interrupted after the commit/ }];

/** So long an API server takes a token that it has seen without looking at it again (10 s), in ms. */
const REMEMBERED_MS = 11_000;

const HOUR_S = 3600;
/**
 * A clock that is wrong keeps nobody waiting, and changes nothing. But kubelet does not probe a container that started in what
 * is the future (pkg/kubelet/prober/worker.go, doProbe): a target is not Ready for an hour that starts while the clock is
 * ahead, once that is set right, or before it is set behind. So one goes on until the move is over, and the other does not.
 */
const CLOCK = { ends: inAll(UNDISTURBED) } as const;
const AHEAD = { ...CLOCK, throughout: true } as const;
const BEHIND = { ...CLOCK, atMostMs: 6_000 } as const;

const node = (context: Context): NodeName => `${context}-2`;
const control = (context: Context): NodeName => `${context}-1`;
const once = async (act: unknown): Promise<undefined> => {
  await act;
  return undefined;
};

/** Faults of the machinery below a move. Nothing else can go on meanwhile on the lab. */
const MACHINE_FAULTS: readonly LabFault[] = [
  { name: 'kubelet of the source stopped', ends: NEEDED, inflict: ({ from }) => killProgram(node(from), 'kubelet') },
  { name: 'kubelet of the target stopped', ends: NEEDED, inflict: ({ to }) => killProgram(node(to), 'kubelet') },
  // A stream of the helpers' breaks with it, or is opened anew.
  { name: 'containerd of the source restarted', inflict: ({ from }) => once(restartRuntime(node(from))) },
  { name: 'containerd of the target restarted', inflict: ({ to }) => once(restartRuntime(node(to))) },
  { name: 'target node hung', ends: FELT, inflict: ({ to }) => hangNode(node(to)) },
  { name: 'API server of the source down', ends: FELT, inflict: ({ from }) => loseApiServer(control(from)) },
  { name: 'API server of the target down', ends: FELT, inflict: ({ to }) => loseApiServer(control(to)) },
  // The program carries the image itself: what is between the clusters is for clients.
  {
    name: 'network between the clusters cut',
    ends: inAll(UNDISTURBED),
    inflict: () => cutNetwork('between the clusters'),
  },
  {
    name: 'network to the source cut',
    ends: FELT,
    inflict: ({ from }) => cutNetwork({ from: 'this machine', to: from }),
  },
  { name: 'network to the target cut', ends: FELT, inflict: ({ to }) => cutNetwork({ from: 'this machine', to }) },
  { name: 'clock of the source an hour ahead', ...AHEAD, inflict: (struck) => shiftClock(struck, 'source', HOUR_S) },
  { name: 'clock of the source an hour behind', ...BEHIND, inflict: (struck) => shiftClock(struck, 'source', -HOUR_S) },
  {
    name: 'clock of the target an hour ahead',
    ...AHEAD,
    notInSoak: true,
    inflict: (struck) => shiftClock(struck, 'target', HOUR_S),
  },
  { name: 'clock of the target an hour behind', ...BEHIND, inflict: (struck) => shiftClock(struck, 'target', -HOUR_S) },
  {
    name: 'disk of the target full',
    only: ['begin'],
    ends: { begin: [{ code: EXIT.failed, says: /error F3(20|30|31|32|43)/ }, NOT_LED_BACK] },
    notInSoak: true,
    inflict: ({ to }) => smallDisk(node(to), 2),
  },
  {
    // Later the target has the only copy, and no node comes back with what was in its memory.
    name: 'target node rebooted',
    only: ['prepare', 'freeze'],
    ends: {
      prepare: [FAILED, TARGET_GONE, NOT_LED_BACK],
      freeze: [FAILED, TARGET_GONE, NOT_LED_BACK],
    },
    notInSoak: true,
    inflict: ({ to }) => rebootNode(node(to)),
  },
];

/** Faults of what belongs to the move alone. */
const OWN_FAULTS: readonly LabFault[] = [
  {
    name: 'token for the source expired in sleep',
    ends: {
      prepare: [{ code: EXIT.rollbackIncomplete, says: UNKNOWN_USER }],
      freeze: [
        { code: EXIT.rollbackIncomplete, says: UNKNOWN_USER },
        { code: EXIT.midway, says: UNKNOWN_USER },
      ],
      switch: [{ code: EXIT.midway, says: UNKNOWN_USER }],
      finalize: [{ code: EXIT.midway, says: UNKNOWN_USER }],
    },
    inflict: (struck) => expire(struck),
  },
  {
    name: 'target pod evicted',
    only: ['prepare'],
    ends: { prepare: [TARGET_GONE] },
    inflict: (struck) => once(evict(struck)),
  },
  {
    name: 'target pod without memory',
    only: ['prepare'],
    ends: {
      prepare: [{ code: EXIT.failed, says: /error F341[\s\S]*the memory limit of the target’s pod is too low/ }],
    },
    inflict: (struck) => once(withoutMemory(struck)),
  },
  {
    name: 'image truncated',
    only: ['prepare'],
    ends: { prepare: SPOILT },
    inflict: (struck) => once(spoilImage(struck, truncate)),
  },
  {
    name: 'image with a flipped bit',
    only: ['prepare'],
    ends: { prepare: SPOILT },
    inflict: (struck) => once(spoilImage(struck, flip)),
  },
];

/** Faults of the plugin and its helpers. */
const PROCESS_FAULTS: readonly LabFault[] = [
  { name: 'plugin killed', ends: inAll([{ code: KILLED }]), inflict: ({ signal }) => once(signal('SIGKILL')) },
  {
    name: 'interrupted',
    ends: { prepare: INTERRUPTED, freeze: INTERRUPTED, switch: GOES_ON, finalize: GOES_ON },
    inflict: ({ signal }) => once(signal('SIGINT')),
  },
  { name: 'source helper removed', ends: HELPER_NEEDED, inflict: (struck) => once(removeHelper(struck, 'source')) },
  { name: 'target helper removed', ends: HELPER_NEEDED, inflict: (struck) => once(removeHelper(struck, 'target')) },
];

/** Faults that a move can meet while others go on beside it. */
export const FAULTS_BESIDE_OTHERS: readonly LabFault[] = [...OWN_FAULTS, ...PROCESS_FAULTS];

/** Everything that can happen to a move, and that it must survive in each of its parts. */
export const ALL_FAULTS: readonly LabFault[] = [...MACHINE_FAULTS, ...FAULTS_BESIDE_OTHERS];

/** There is nothing to go back to: whoever looks first says so, and a copy that the target has by then stays. */
const SOURCE_GONE: readonly End[] = [{ code: EXIT.failed, says: /error F3(14|32|4[024])/ }, NOT_LED_BACK];
const COPY_LEFT: End = { code: EXIT.midway, says: /error F344[\s\S]*rollback m-\w+ --discard-target/ };
const FORWARD: readonly End[] = [{ code: EXIT.done }, MIDWAY];
const CHANGED: End = { code: EXIT.failed, says: /error F344/ };

/** What somebody else does to what is moved. The program sleeps meanwhile, so that it happens in that very part. */
export const SOURCE_DELETED: LabFault = {
  name: 'source pod deleted by somebody else',
  ends: { prepare: SOURCE_GONE, freeze: [...SOURCE_GONE, COPY_LEFT], switch: FORWARD, finalize: FORWARD },
  inflict: ({ scene: { kubectl, namespace }, pod, from, signal }) => {
    const removed = () => removeByForce(kubectl, from, { namespace, name: pod });
    return once(standingStill(signal, removed));
  },
};

/** `owner`: as kubectl names it, such as `deployment/web`. */
export function ownerScaled(owner: string, replicas: number): LabFault {
  const early = replicas === 0 ? [...SOURCE_GONE, COPY_LEFT] : [CHANGED];
  return {
    name: `owner scaled to ${replicas} by somebody else`,
    ends: { prepare: early, freeze: early, switch: FORWARD, finalize: FORWARD },
    inflict: ({ scene: { kubectl, namespace }, from, signal }) =>
      once(standingStill(signal, () => kubectl.run(from, ['-n', namespace, 'scale', owner, `--replicas=${replicas}`]))),
  };
}

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

function removeHelper({ scene: { kubectl }, id, from, to }: Struck, side: Side): Promise<void> {
  const name = `helper-${id}-${side}`;
  return removeByForce(kubectl, side === 'source' ? from : to, { namespace: 'kubectl-migrate', name });
}

/** Spoils an image of the move as soon as it is there; one that does not come is not spoilt. */
async function spoilImage(struck: Struck, spoil: (file: string) => void): Promise<void> {
  const folder = await imagesFolder(struck.scene, struck.id, node(struck.to));
  const file = path.join(folder, 'mm-1.img');
  for (const end = Date.now() + 20_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 1))) {
    if (struck.isOver()) return;
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

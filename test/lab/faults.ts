import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { hierarchies, labProcesses } from './cgroup.ts';
import { setClock } from './clock.ts';
import { controlPlanePrograms } from './control-plane.ts';
import { folders } from './folders.ts';
import { withLock } from './lock.ts';
import { type Cut, cutOff, setLink } from './network.ts';
import { hasRuntimeSocket, nodePrograms, runtimeProgram, runtimeSocket } from './node.ts';
import { childrenOf, kill, type ProcessId, processesOfPod, waitForEnd } from './processes.ts';
import { fromRoot, insideNode, type Program, runInNode, startDetached } from './program.ts';
import { sleep, until } from './run.ts';
import { readState, type State, writeState } from './state.ts';
import { clusters, type NodeName, nodes } from './topology.ts';

/**
 * Undoes what was done to the running lab. To be called once.
 * @throws when the lab cannot be made whole again; `up --fresh` does that then.
 */
export type Undo = () => Promise<void>;

/**
 * Kills a program of a node (kubelet, its container runtime, or a program of the control plane); undone, it is started
 * again as `up` starts it.
 */
export async function killProgram(node: NodeName, program: string): Promise<Undo> {
  const state = runningState();
  const running = state.processes.find((one) => one.node === node && one.program === program);
  if (running === undefined) throw new Error(`no ${program} runs on ${node}`);
  // What the state names is nsenter, which waits for the program inside.
  const processes = [...childrenOf(running), running];
  for (const id of processes) kill(id);
  await waitForEnd(processes, 10);
  return () => changeState((now) => startAgain(now, node, program));
}

/**
 * An API server that is down. Undone, it is started again, and with it the programs of the control plane that hold a lease: they
 * end when they cannot renew it, and kubelet starts them anew.
 */
export async function loseApiServer(node: NodeName): Promise<Undo> {
  const undo = await killProgram(node, 'kube-apiserver');
  return async () => {
    await undo();
    for (const program of ['kube-scheduler', 'kube-controller-manager']) {
      const startAgain = await killProgram(node, program);
      await startAgain();
    }
  };
}

/** Kills a node's container runtime and starts it again at once. Its containers go on. */
export async function restartRuntime(node: NodeName): Promise<void> {
  const undo = await killProgram(node, runtimeProgram(0, runningState().variant.runtimes[node]).name);
  await undo();
}

/**
 * A node that hangs: nobody reaches it, and none of its processes runs, the containers' among them. Undone, all of
 * them go on from where they were. Not for a node with a control plane.
 */
export async function hangNode(node: NodeName): Promise<Undo> {
  const link = linkOf(node);
  await setLink(link, 'down');
  freeze(node, 'FROZEN');
  return async () => {
    freeze(node, 'THAWED');
    await setLink(link, 'up');
  };
}

/**
 * A node that is gone: nobody reaches it, and all of its processes are killed, the containers' among them. Undone, its
 * container runtime and kubelet start as after a reboot; what a reboot does to mounts and network namespaces is left out, for
 * they belong to the lab's first process there, which stays. Not for a node with a control plane.
 */
export async function rebootNode(node: NodeName): Promise<Undo> {
  const link = linkOf(node);
  await setLink(link, 'down');
  await killAll(node);
  return async () => {
    await setLink(link, 'up');
    const state = runningState();
    const [init, runtime] = [initOf(state, node), state.variant.runtimes[node]];
    // Left by the one before; kubelet gives up on one that nobody listens on.
    rmSync(runtimeSocket(init, runtime), { force: true });
    const [first, ...others] = programsOf(state, node).map(({ name }) => name);
    if (first === undefined) throw new Error(`nothing belongs on ${node}`);
    await changeState((now) => startAgain(now, node, first));
    await until(`container runtime of ${node}`, 30, async () => (hasRuntimeSocket(init, runtime) ? true : undefined));
    await changeState((now) => {
      for (const name of others) startAgain(now, node, name);
    });
  };
}

function linkOf(node: NodeName): string {
  const { cluster, link } = nodes[node];
  if (clusters[cluster].controlPlane === node) throw new Error(`${node} is where the control plane of ${cluster} runs`);
  return link;
}

/** Kills every process of a node but those that hold its namespaces. Throws when some are still there after 10 s. */
async function killAll(node: NodeName): Promise<void> {
  const holders = runningState().processes.filter((one) => one.node === node && one.program === 'init');
  const isHolder = ({ pid }: ProcessId) => holders.some((one) => one.pid === pid);
  for (const end = Date.now() + 10_000; ; await sleep(20)) {
    const left = labProcesses(node).filter((id) => !isHolder(id));
    if (left.length === 0) return;
    if (Date.now() > end) throw new Error(`still running on ${node}: process ${left.map(({ pid }) => pid).join(', ')}`);
    for (const id of left) kill(id);
  }
}

/**
 * Sets the time of day that a node's kubelet, its container runtime and some of its pods go by, so many seconds ahead or
 * behind. The kernel's stays, and with it the times of files.
 * @param pods their uids
 */
export async function setNodeClock(node: NodeName, seconds: number, pods: readonly string[]): Promise<Undo> {
  const state = runningState();
  const runtime = runtimeProgram(0, state.variant.runtimes[node]).name;
  const own = state.processes.filter((one) => one.node === node && ['kubelet', runtime].includes(one.program));
  const ids: ProcessId[] = [...own.flatMap(childrenOf), ...pods.flatMap(processesOfPod)];
  const set = async (to: number) => {
    for (const id of ids) await setClock(id, to);
  };
  await set(seconds);
  return () => set(0);
}

/** Cuts the network between the clusters, or between this machine and the API server of one. Nothing is refused, it is lost. */
export async function cutNetwork(cut: Cut): Promise<Undo> {
  const nft = fromRoot(runningState().nodeRoot, 'usr/sbin/nft');
  return cutOff(nft, cut);
}

/**
 * The disk that pods of a node write to from now on has room for so many MiB, the volumes and images of a move among
 * what is written. Pods that are there keep what they have.
 */
export async function smallDisk(node: NodeName, mebibytes: number): Promise<Undo> {
  const pods = '/var/lib/kubelet/pods';
  await inNode(node, ['mount', '-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', pods]);
  return () => inNode(node, ['umount', '--lazy', pods]);
}

/** Runs a command in a node; throws with its words when it fails. */
async function inNode(node: NodeName, command: readonly string[]): Promise<void> {
  const { code, stderr } = await runInNode(node, initOf(runningState(), node), command);
  if (code !== 0) throw new Error(`${command.join(' ')} on ${node}: ${stderr.trim()}`);
}

function freeze(node: NodeName, state: 'FROZEN' | 'THAWED'): void {
  const freezer = hierarchies().find(({ mountOptions }) => mountOptions === 'freezer');
  if (freezer === undefined) throw new Error('this machine has no freezer for cgroups');
  writeFileSync(path.join(freezer.folder, 'kubectl-migrate-lab', node, 'freezer.state'), state);
}

function runningState(): State {
  const state = readState();
  if (state === undefined) throw new Error('no lab is running');
  return state;
}

/** The first process of a node, as the machine numbers it. */
function initOf({ inits }: State, node: NodeName): number {
  const init = inits[node]?.pid;
  if (init === undefined) throw new Error(`the lab's state names no first process of ${node}`);
  return init;
}

async function changeState(change: (state: State) => void): Promise<void> {
  await withLock(
    folders.lock,
    'the lab',
    () => undefined,
    async () => {
      const state = runningState();
      change(state);
      writeState(state);
    },
  );
}

function startAgain(state: State, node: NodeName, name: string): void {
  const program = programsOf(state, node).find((one) => one.name === name);
  if (program === undefined) throw new Error(`no ${name} belongs on ${node}`);
  const id = startDetached(node, program);
  state.processes = [
    ...state.processes.filter((one) => one.node !== node || one.program !== name),
    { ...id, node, program: name },
  ];
}

/** All that `up` starts on a node. */
function programsOf(state: State, node: NodeName): Program[] {
  const init = initOf(state, node);
  const place = clusters[nodes[node].cluster];
  const controlPlane = place.controlPlane === node ? controlPlanePrograms(place) : [];
  return [
    ...controlPlane.map(({ name, command }) => ({ name, command: insideNode(init, command) })),
    runtimeProgram(init, state.variant.runtimes[node]),
    ...nodePrograms(node, init),
  ];
}

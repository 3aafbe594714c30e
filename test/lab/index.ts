import { takeDown } from './down.ts';
import { folders } from './folders.ts';
import { makeHelperImage, pushHelperImage } from './helper-image.ts';
import { obtainImages } from './images.ts';
import { withLock } from './lock.ts';
import type { UpOptions } from './options.ts';
import { runInNode } from './program.ts';
import { type Say, sayOnStderr } from './progress.ts';
import { pushLayout } from './registry.ts';
import type { Finished } from './run.ts';
import { readState, type State, writeState } from './state.ts';
import { type ClusterName, type NodeName, nodes, registryAddress } from './topology.ts';
import { bringUp, isRunning } from './up.ts';

export type { UpOptions } from './options.ts';
export type { NodeName } from './topology.ts';

/** A running lab. */
export interface Lab {
  /** Path of a kubeconfig with the contexts `east` and `west`, cluster administrator in both. */
  readonly kubeconfig: string;
  /** Path of a kubectl of the clusters' version. */
  readonly kubectl: string;
  /** Host and port of the registry, which speaks TLS with an authority that only the nodes trust. */
  readonly registry: string;
  readonly nodes: Readonly<Record<NodeName, LabNode>>;
  /** Full references, by digest, of the images in test/lab/images, by name. */
  readonly images: Readonly<Record<string, string>>;
  /** Reference of the product's helper image; undefined while the product has none. */
  readonly helperImage: string | undefined;
  /** Runs a command as root inside a node, to its end; throws only when it cannot be started. */
  readonly exec: (node: NodeName, command: readonly string[], input?: string) => Promise<Finished>;
  /** Pushes the image of an OCI layout folder as `name` (`repository:tag`); returns its reference by digest. */
  readonly pushImage: (layout: string, name: string) => Promise<string>;
}

export interface LabNode {
  readonly cluster: ClusterName;
  readonly address: string;
  /** Number that the machine knows the node's first process by. */
  readonly init: number;
}

/**
 * Brings the lab up, or leaves a running one as it is. Idempotent; needs root.
 * @param say gets the lines about progress; default: stderr.
 * @throws an error with a sentence for people when the machine cannot carry a lab.
 */
export async function up(options: UpOptions = {}, say: Say = sayOnStderr): Promise<Lab> {
  assertRoot();
  return labOf(await withLock(folders.lock, 'the lab', say, () => bringUp(options, say)));
}

/** Takes the lab down, whichever checkout started it. Idempotent. */
export async function down(say: Say = sayOnStderr): Promise<void> {
  assertRoot();
  await withLock(folders.lock, 'the lab', say, takeDown);
}

/**
 * Makes the images of this checkout, the helper image among them, and pushes them to the running lab, whose images
 * they are from then on. For work on an image: a test starts from `up({ fresh: true })`. Idempotent.
 * @throws when no lab is running.
 */
export async function renewImages(say: Say = sayOnStderr): Promise<Lab> {
  return withLock(folders.lock, 'the lab', say, async () => {
    const state = readState();
    if (state === undefined || !isRunning(state)) throw new Error('no lab is running: npm run lab -- up');
    const images = { ...state.images };
    for (const [name, layout] of Object.entries(await obtainImages(say))) {
      images[name] = await pushLayout(layout, `${name}:lab`);
    }
    const helperImage = await pushHelperImage(await makeHelperImage());
    const renewed = { ...state, images, helperImage };
    writeState(renewed);
    return labOf(renewed);
  });
}

/** The lab that is running now, or undefined. */
export function current(): Lab | undefined {
  const state = readState();
  return state !== undefined && isRunning(state) ? labOf(state) : undefined;
}

function assertRoot(): void {
  // Before the lock is taken, which only root can do.
  if (process.getuid?.() !== 0) throw new Error('The lab makes namespaces and mounts: run it as root.');
}

function labOf(state: State): Lab {
  const init = (name: NodeName): number => {
    const id = state.inits[name];
    if (id === undefined) throw new Error(`the lab's state names no first process of ${name}`);
    return id.pid;
  };
  const describe = (name: NodeName): LabNode => ({
    cluster: nodes[name].cluster,
    address: nodes[name].address,
    init: init(name),
  });
  return {
    kubeconfig: folders.kubeconfig,
    kubectl: state.kubectl,
    registry: registryAddress,
    nodes: {
      'east-1': describe('east-1'),
      'east-2': describe('east-2'),
      'west-1': describe('west-1'),
      'west-2': describe('west-2'),
    },
    images: state.images,
    helperImage: state.helperImage,
    exec: (node, command, input) => runInNode(node, init(node), command, input),
    pushImage: (layout, name) => pushLayout(layout, name),
  };
}

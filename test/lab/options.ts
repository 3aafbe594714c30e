import type { RuntimeName, Variant } from './state.ts';
import { isNodeName, type NodeName } from './topology.ts';

export interface UpOptions {
  /** Nothing passes between the clusters; default false. */
  readonly isolated?: boolean;
  /** Container runtimes of nodes that shall not have Debian's containerd. */
  readonly runtimes?: Readonly<Partial<Record<NodeName, RuntimeName>>>;
  /** Milliseconds that packets take longer between the clusters. */
  readonly latency?: number;
  /** Take down whatever lab is running, of whichever checkout, and start anew; default false. */
  readonly fresh?: boolean;
}

/** The part of the options that tells one kind of running lab from another. */
export function variantOf(options: UpOptions): Variant {
  return { isolated: options.isolated ?? false, runtimes: { ...options.runtimes } };
}

/** Whether two variants have the same container runtimes on their nodes, which cannot be switched on a running lab. */
export function sameRuntimes(one: Variant, other: Variant): boolean {
  const text = ({ runtimes }: Variant) =>
    JSON.stringify(Object.entries(runtimes).sort(([a], [b]) => a.localeCompare(b)));
  return text(one) === text(other);
}

/**
 * Reads a word like `west-2=crio`.
 * @throws when it names no node or no runtime that the lab has.
 */
export function parseRuntime(word: string): [NodeName, RuntimeName] {
  const [node = '', runtime = ''] = word.split('=');
  if (!isNodeName(node)) throw new Error(`--runtime ${word}: the lab has no node "${node}"`);
  if (runtime !== 'containerd-2.4' && runtime !== 'crio') {
    throw new Error(`--runtime ${word}: the runtime is containerd-2.4 or crio; nodes not named have containerd 2.1`);
  }
  return [node, runtime];
}

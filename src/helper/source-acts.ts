import { rmSync } from 'node:fs';
import { archiveBytes } from './archive.ts';
import { continueBystanders, stopBystanders } from './bystanders.ts';
import { type Armed, execute } from './command.ts';
import { IMAGE_FILES } from './criu.ts';
import { describe, dump, emptyDirectories } from './dump.ts';
import { HelperFailure } from './failure.ts';
import { removeLinkRemaps } from './files/link-remaps.ts';
import {
  abortOutside,
  armAbort,
  armNetwork,
  isLocked,
  lockNetwork,
  permitResets,
  podAddresses,
  unlockNetwork,
} from './network.ts';
import { continueTree, findRoot, readProcess, stopTree } from './processes.ts';
import { loadSource, type SourceMember, saveSource } from './record.ts';
import { Restarts } from './restarts.ts';

const restarts = new Restarts();

/** What the source side does to a container and to the helper's files; tests put slow or failing ones in their place. */
export const sourceActs = {
  load: loadSource,
  save: saveSource,
  findRoot,
  startTime: (pid: number) => readProcess(pid)?.startTime,
  describe,
  emptyDirectories,
  armNetwork,
  armAbort,
  podAddresses,
  lock: lockNetwork,
  dump,
  unlock: unlockNetwork,
  removeLinkRemaps,
  continueTree: (pid: number) => {
    continueTree(pid);
    continueBystanders(pid);
  },
  removeImages: () => rmSync(IMAGE_FILES, { recursive: true, force: true }),
  isStopped: (pid: number) => readProcess(pid)?.state === 'T',
  isLocked,
  preventRestarts: (podLogs: string) => restarts.prevent(podLogs),
  allowRestarts: (podLogs: string) => restarts.allow(podLogs),
  stopTree: async (pid: number) => {
    stopBystanders(pid);
    await stopTree(pid);
  },
  archiveBytes,
  permitResets,
  abortOutside,
  sync,
};

export type SourceActs = typeof sourceActs;

/** Brings what was written to the file systems of these files to their storage. Throws `tool-failed`. */
async function sync(files: readonly string[]): Promise<void> {
  if (files.length === 0) return;
  const { status, stderr } = await execute('/usr/bin/sync', ['--file-system', '--', ...files]);
  if (status !== 0) throw new HelperFailure('tool-failed', 'a persistent volume could not be synced', stderr);
}

type Ready = { pid: number; addresses: readonly string[]; lock?: Armed; permit?: Armed; abort?: Armed };

/**
 * The acts on a pod's network, their programs started at the last precopy: the start of a process costs most of what the
 * act itself does, and within the freeze it is downtime. Without a precopy of that pod they are started when needed.
 */
export class NetworkAhead {
  readonly #acts: SourceActs;
  #ready: Ready | undefined;

  constructor(acts: SourceActs) {
    this.#acts = acts;
  }

  async prepare(pid: number): Promise<void> {
    this.disarm();
    const addresses = await this.#acts.podAddresses(pid);
    const [lock, permit] = [this.#acts.armNetwork(pid), this.#acts.armNetwork(pid)];
    this.#ready = { pid, addresses, lock, permit, abort: this.#acts.armAbort(pid, addresses) };
  }

  async lock(pid: number): Promise<void> {
    await this.#acts.lock(pid, this.#take(pid, 'lock'));
  }

  /** Lets resets out and makes them. Returns how many connections were reset. */
  async release(pid: number): Promise<number> {
    const addresses = this.#ready?.pid === pid ? this.#ready.addresses : await this.#acts.podAddresses(pid);
    await this.#acts.permitResets(pid, this.#take(pid, 'permit'));
    return this.#acts.abortOutside(pid, addresses, this.#take(pid, 'abort'));
  }

  disarm(): void {
    for (const act of ['lock', 'permit', 'abort'] as const) this.#ready?.[act]?.disarm();
    this.#ready = undefined;
  }

  /** An armed program acts once. */
  #take(pid: number, act: 'lock' | 'permit' | 'abort'): Armed | undefined {
    if (this.#ready?.pid !== pid) return undefined;
    const armed = this.#ready[act];
    delete this.#ready[act];
    return armed;
  }
}

/** Unlocks stopped containers of a pod and continues them, the latter whatever becomes of the rest. Idempotent. */
export async function letGo(
  acts: SourceActs,
  members: readonly SourceMember[],
  siblings: readonly SourceMember[] = [],
): Promise<void> {
  const stopped = [...members, ...siblings];
  const [first] = stopped;
  if (!first) return;
  try {
    await acts.unlock(first.rootPid);
  } finally {
    try {
      acts.removeLinkRemaps(members);
    } catch {
      // Names left over do no harm.
    } finally {
      for (const { rootPid } of stopped) acts.continueTree(rootPid);
    }
  }
}

import { rmSync } from 'node:fs';
import type { Armed } from './command.ts';
import { IMAGE_FILES } from './criu.ts';
import { describe, dump, emptyDirectories } from './dump.ts';
import { removeLinkRemaps } from './files/link-remaps.ts';
import { abortOutside, armNetwork, lockNetwork, permitResets, podAddresses, unlockNetwork } from './network.ts';
import { continueTree, findRoot, readProcess } from './processes.ts';
import type { MovedVolume } from './protocol.ts';
import { loadSource, saveSource } from './record.ts';

/** What releasing connections needs, begun at the seal, so that the commit need not wait for it. */
export interface Release {
  readonly armed: Armed;
  readonly addresses: Promise<string[]>;
}

function prepareRelease(pid: number): Release {
  const addresses = podAddresses(pid);
  // Awaited at the release; a thaw by hand leaves it behind.
  addresses.catch(() => {});
  return { armed: armNetwork(pid), addresses };
}

/** What the source side does to a container and to the helper's files; tests put slow or failing ones in their place. */
export const sourceActs = {
  load: loadSource,
  save: saveSource,
  findRoot,
  startTime: (pid: number) => readProcess(pid)?.startTime,
  describe,
  emptyDirectories,
  arm: armNetwork,
  lock: lockNetwork,
  dump,
  unlock: unlockNetwork,
  removeLinkRemaps,
  continueTree,
  removeImages: () => rmSync(IMAGE_FILES, { recursive: true, force: true }),
  prepareRelease,
  permitResets,
  abortOutside,
};

export type SourceActs = typeof sourceActs;

/** The lock of a pod's network, started at the last precopy and waiting for the freeze. */
export class LockAhead {
  readonly #acts: SourceActs;
  #ready: { pid: number; armed: Armed } | undefined;

  constructor(acts: SourceActs) {
    this.#acts = acts;
  }

  prepare(pid: number): void {
    this.disarm();
    this.#ready = { pid, armed: this.#acts.arm(pid) };
  }

  take(pid: number): Promise<void> {
    const ready = this.#ready;
    this.#ready = undefined;
    if (ready?.pid === pid) return this.#acts.lock(pid, ready.armed);
    ready?.armed.disarm();
    return this.#acts.lock(pid);
  }

  disarm(): void {
    this.#ready?.armed.disarm();
    this.#ready = undefined;
  }
}

/** Unlocks a stopped tree and continues it, the latter whatever becomes of the rest. Idempotent. */
export async function letGo(acts: SourceActs, pid: number, volumes: readonly MovedVolume[]): Promise<void> {
  try {
    await acts.unlock(pid);
  } finally {
    try {
      acts.removeLinkRemaps(pid, volumes);
    } catch {
      // Names left over do no harm.
    } finally {
      acts.continueTree(pid);
    }
  }
}

import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { imageSink } from './bulk/images.ts';
import type { Armed } from './command.ts';
import { IMAGE_FILES, LOGS, readCriuTimes, readLog, SCRATCH } from './criu.ts';
import { causeOf, interestingLines } from './criu-log.ts';
import { HelperFailure } from './failure.ts';
import { filesSink } from './files/apply.ts';
import { rememberAddresses, writeInto } from './former-addresses.ts';
import { parseMountInfo } from './mounts.ts';
import {
  abortOutside,
  addressesInUse,
  addToLoopback,
  armAbort,
  armNetwork,
  lockNetwork,
  removeFromLoopback,
  unlockNetwork,
} from './network.ts';
import { PLACEHOLDER_DIR } from './placeholder-spec.ts';
import { IMAGES_DIR } from './pod-spec.ts';
import {
  continueTree,
  findPlaceholder,
  innerPid,
  parseNamespacePids,
  processTree,
  readProc,
  readProcess,
} from './processes.ts';
import type { HelperArgs, HelperResult } from './protocol.ts';
import { loadTarget, saveTarget, type TargetRecord } from './record.ts';
import { armRestore, checkMounts, restoreArguments } from './restore.ts';
import { timed } from './timing.ts';
import { guardImages } from './trust/guard.ts';
import { criuImages } from './trust/installed.ts';

/** `SIGNAL_COMMITTED` of native/placeholder.c: SIGRTMIN as glibc counts. */
const SIGNAL_COMMITTED = 34;

type Known = Exclude<TargetRecord, { state: 'idle' }>;

/** The placeholder that a container is moved into. */
export class Target {
  #record: TargetRecord = { state: 'idle' };
  /** Begun when the restore is done, so that the commit need not wait for it: the copies are killed with a discard. */
  #aborted: Promise<number> | undefined;
  /** Programs started at the preparation, so that their start costs nothing within the freeze. */
  #armed: { restore?: Armed; abort?: Armed; unlock?: Armed } = {};
  #cleaning: Promise<unknown> = Promise.resolve();

  status(): HelperResult<'status'>['target'] {
    const { state } = this.#record;
    return { state, containerId: state === 'idle' ? null : this.#record.containerId };
  }

  /** After a restart of the helper. */
  recover(): void {
    const record = loadTarget();
    if (record.state !== 'idle' && readProcess(record.placeholderPid)?.startTime !== record.startTime) return;
    this.#record = record;
  }

  /** What takes the next transfer for this placeholder. */
  sink(what: 'files' | 'images', containerId: string) {
    return what === 'images' ? imageSink(IMAGE_FILES) : filesSink(this.#known(containerId).placeholderPid);
  }

  async prepare({ containerId, sourceAddresses }: HelperArgs<'prepare-restore'>): Promise<{ placeholderPid: number }> {
    const { state } = this.#record;
    if (state === 'restored' || state === 'continued')
      throw new HelperFailure('wrong-state', `the target is ${state} already`);
    const placeholderPid = findPlaceholder(containerId);
    const mounts = parseMountInfo(readProc(placeholderPid, 'mountinfo') ?? '');
    if (!mounts.some(({ mountPoint }) => mountPoint === PLACEHOLDER_DIR)) {
      throw new HelperFailure('not-movable', `the target container has nothing mounted at ${PLACEHOLDER_DIR}`);
    }
    if (existsSync(markerOf(placeholderPid))) throw new HelperFailure('wrong-state', 'the target was restored before');
    for (const directory of [LOGS, SCRATCH, path.join(IMAGES_DIR, 'criu')])
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    await Promise.all([lockNetwork(placeholderPid), addToLoopback(placeholderPid, sourceAddresses)]);
    const startTime = readProcess(placeholderPid)?.startTime ?? 0;
    const nothing = { rootPid: 0, rootStartTime: 0 };
    this.#become({ state: 'prepared', containerId, placeholderPid, startTime, sourceAddresses, ...nothing });
    this.#disarm();
    this.#armed = {
      restore: armRestore(placeholderPid),
      abort: armAbort(placeholderPid, sourceAddresses),
      unlock: armNetwork(placeholderPid),
    };
    criuImages().warmUp();
    return { placeholderPid };
  }

  /** An armed program acts once; after a restart of the helper there is none. */
  #take(act: 'restore' | 'abort' | 'unlock'): Armed | undefined {
    const armed = this.#armed[act];
    delete this.#armed[act];
    return armed;
  }

  #disarm(): void {
    for (const armed of Object.values(this.#armed)) armed.disarm();
    this.#armed = {};
  }

  async restore({ containerId, handover }: HelperArgs<'restore'>): Promise<HelperResult<'restore'>> {
    const record = this.#known(containerId);
    if (record.state !== 'prepared')
      throw new HelperFailure('wrong-state', `the target is ${record.state}, not prepared`);
    const started = performance.now();
    checkMounts(record.placeholderPid, handover);
    guardImages(criuImages(), IMAGE_FILES, record.placeholderPid);
    const armed = this.#take('restore') ?? armRestore(record.placeholderPid);
    const { value, ms } = await timed(() => armed.run(restoreArguments(handover)));
    if (value.status !== 0) {
      const log = readLog('restore.log') || value.stderr;
      await killRestored(record.placeholderPid);
      const summary = `CRIU cannot restore the container: ${causeOf(log)}`;
      throw new HelperFailure('criu-refused-restore', summary, interestingLines(log).join('\n') || value.stderr);
    }
    try {
      const { root, processes } = checkRestored(record.placeholderPid, handover.innerPids);
      this.#become({ ...record, state: 'restored', rootPid: root.pid, rootStartTime: root.startTime });
      this.#aborted = abortOutside(record.placeholderPid, record.sourceAddresses, this.#take('abort'));
      this.#aborted.catch(() => {});
      const criu = readCriuTimes('restore', IMAGE_FILES, ms);
      return { rootPid: root.pid, processes, criu, totalMs: performance.now() - started };
    } catch (error) {
      await killRestored(record.placeholderPid);
      throw error;
    }
  }

  async continue({ containerId }: HelperArgs<'continue'>): Promise<HelperResult<'continue'>> {
    const started = performance.now();
    const record = this.#known(containerId);
    if (record.state !== 'restored' && record.state !== 'continued') {
      throw new HelperFailure('wrong-state', `the target is ${record.state}, not restored`);
    }
    const { placeholderPid, rootPid, sourceAddresses } = record;
    const connections = await (this.#aborted ?? abortOutside(placeholderPid, sourceAddresses));
    this.#aborted = Promise.resolve(connections);
    if (record.state === 'restored') {
      rememberAddresses(placeholderPid, sourceAddresses);
      tellPlaceholder(placeholderPid, rootPid);
    }
    await unlockNetwork(placeholderPid, this.#take('unlock'));
    continueTree(rootPid);
    this.#become({ ...record, state: 'continued' });
    this.#cleaning = this.#cleanUp(placeholderPid, sourceAddresses).catch(() => {});
    return { connections, totalMs: performance.now() - started };
  }

  /** What nobody waits for: the program runs already. The addresses stay when the pod talks to itself by them. */
  async #cleanUp(placeholderPid: number, sourceAddresses: readonly string[]): Promise<void> {
    if (!(await addressesInUse(placeholderPid, sourceAddresses)))
      await removeFromLoopback(placeholderPid, sourceAddresses);
    rmSync(IMAGE_FILES, { recursive: true, force: true });
  }

  /** The helper is about to end. */
  async end(): Promise<void> {
    this.#disarm();
    await this.#cleaning;
  }

  async discard({ containerId }: HelperArgs<'discard'>): Promise<Record<string, never>> {
    const record = this.#record;
    if (record.state === 'idle' || record.state === 'discarded') return {};
    if (this.#known(containerId).state === 'continued')
      throw new HelperFailure('wrong-state', 'the target runs already');
    this.#disarm();
    if (readProcess(record.placeholderPid)?.startTime === record.startTime) {
      await killRestored(record.placeholderPid);
      await unlockNetwork(record.placeholderPid);
      await removeFromLoopback(record.placeholderPid, record.sourceAddresses);
    }
    rmSync(IMAGE_FILES, { recursive: true, force: true });
    this.#become({ ...record, state: 'discarded' });
    return {};
  }

  #known(containerId: string): Known {
    const record = this.#record;
    if (record.state === 'idle') throw new HelperFailure('wrong-state', 'no placeholder was prepared');
    if (record.containerId !== containerId) throw new HelperFailure('wrong-state', 'another container was prepared');
    return record;
  }

  #become(record: Known): void {
    this.#record = record;
    saveTarget(record);
  }
}

const markerOf = (placeholderPid: number) => `/proc/${placeholderPid}/root${PLACEHOLDER_DIR}/restored`;

/** The placeholder stands for that root from now on; a container that starts with the marker there starts afresh. */
function tellPlaceholder(placeholderPid: number, rootPid: number): void {
  const pids = parseNamespacePids(readProc(rootPid, 'status') ?? '');
  const depth = parseNamespacePids(readProc(placeholderPid, 'status') ?? '').length;
  writeInto(markerOf(placeholderPid), `${pids[depth - 1] ?? 0}\n`);
  process.kill(placeholderPid, SIGNAL_COMMITTED);
}

/**
 * The restored root: a child of the placeholder that is pid 1 in a namespace of its own. Throws unless all processes of
 * the dump are there and stopped.
 */
function checkRestored(placeholderPid: number, innerPids: readonly number[]) {
  const restored = processTree(placeholderPid)
    .slice(1)
    .map((info) => ({ ...info, innerPid: innerPid(info.pid) }));
  const root = restored.find((each) => each.parent === placeholderPid && each.innerPid === 1);
  if (!root) throw new HelperFailure('criu-refused-restore', 'CRIU restored no process');
  const running = restored.filter(({ state }) => state !== 'T' && state !== 'Z');
  if (running.length > 0) {
    const names = running.map(({ name }) => name).join(' ');
    throw new HelperFailure('criu-refused-restore', 'a restored process is not stopped', names);
  }
  const present = new Set(restored.map((each) => each.innerPid));
  const missing = innerPids.filter((pid) => !present.has(pid));
  if (missing.length === 0) return { root, processes: innerPids.length };
  throw new HelperFailure('criu-refused-restore', `processes are missing: ${missing.join(' ')}`);
}

/** Kills what CRIU left behind; the root of a PID namespace takes all of it along. Waits until it is gone. */
async function killRestored(placeholderPid: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const rest = processTree(placeholderPid).slice(1);
    if (rest.length === 0) return;
    for (const { pid } of rest) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended with its namespace.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

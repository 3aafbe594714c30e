import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { imageSink } from './bulk/images.ts';
import { withinMemory } from './bulk/room.ts';
import type { Armed } from './command.ts';
import { IMAGE_FILES, imageDirectories, LOGS, readCriuTimes, readLog, restoreLog, SCRATCH } from './criu.ts';
import { causeOf, interestingLines } from './criu-log.ts';
import { HelperFailure } from './failure.ts';
import { filesSink, volumesOf } from './files/apply.ts';
import { outline } from './files/outline.ts';
import { rememberAddresses, writeInto } from './former-addresses.ts';
import { BASE_FILE, baseSink } from './memory/base.ts';
import { watchMemory } from './memory-limit.ts';
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
import { isPlaceholder, PLACEHOLDER_DIR } from './placeholder-spec.ts';
import { IMAGES_DIR } from './pod-spec.ts';
import {
  chooseRoot,
  continueTree,
  findPlaceholder,
  innerPid,
  membersOf,
  outermostInit,
  parseNamespacePids,
  processTree,
  readProc,
  readProcess,
} from './processes.ts';
import type { Handover, HelperArgs, HelperResult } from './protocol.ts';
import { loadTarget, type Place, saveTarget, type TargetRecord } from './record.ts';
import { alignRoot, armRestore, missingMarks, restoreArguments } from './restore.ts';
import { timed } from './timing.ts';
import { fitImages, rehearseFit } from './trust/fit.ts';
import { guardImages, rehearseGuard } from './trust/guard.ts';
import { criuImages } from './trust/installed.ts';
import { checkOutcome, rehearseOutcome } from './trust/outcome.ts';

type Known = Exclude<TargetRecord, { state: 'idle' }>;
type Armory = { restore: (Armed | undefined)[]; abort?: Armed | undefined; unlock?: Armed | undefined };

/** A process in the network namespace that the pod's containers share. */
const networkOf = (places: readonly Place[]) => places[0]?.placeholderPid ?? 0;
const isThere = ({ placeholderPid, startTime }: Place) => readProcess(placeholderPid)?.startTime === startTime;

/** The placeholders that the containers of a pod are moved into. */
export class Target {
  #record: TargetRecord = { state: 'idle' };
  /** Begun when the restore is done, so that the commit need not wait for it: the copies are killed with a discard. */
  #aborted: Promise<number> | undefined;
  /** Programs started at the preparation, so that their start costs nothing within the freeze; each acts once. */
  #armed: Armory = { restore: [] };
  #cleaning: Promise<unknown> = Promise.resolve();

  status(): HelperResult<'status'>['target'] {
    const record = this.#record;
    if (record.state === 'idle') return { state: 'idle', containerIds: [] };
    return { state: stateOf(record), containerIds: record.places.map(({ containerId }) => containerId) };
  }

  /** Restored and stopped: nobody else continues it. */
  isKept(): boolean {
    const record = this.#record;
    return record.state !== 'idle' && stateOf(record) === 'restored' && record.places.some(isThere);
  }

  /** After a restart of the helper. */
  recover(): void {
    const record = loadTarget();
    if (record.state !== 'idle' && !record.places.some(isThere)) return;
    this.#record = record;
  }

  /** In the place of a helper that is gone, and whose record went with it. */
  async takeUp({
    containerIds,
    sourceAddresses,
    handovers,
  }: HelperArgs<'take-up-restored'>): Promise<Record<string, never>> {
    if (this.#record.state !== 'idle') return {};
    const found = await Promise.all(containerIds.map((id, index) => restoredPlace(id, handovers[index])));
    const places = found.flat();
    if (places.length < containerIds.length) return {};
    this.#become({ state: places.every(isTold) ? 'continued' : 'restored', places, sourceAddresses });
    return {};
  }

  /** What takes the next transfer for these placeholders. */
  sink(what: HelperArgs<'receive'>['what'], containerIds: readonly string[]) {
    return withinMemory(this.#sink(what, containerIds));
  }

  #sink(what: HelperArgs<'receive'>['what'], containerIds: readonly string[]) {
    if (what === 'memory') return baseSink(BASE_FILE);
    if (what === 'images') return imageSink(imageDirectories(containerIds.length), BASE_FILE);
    return filesSink(this.#known(containerIds).places.map(({ placeholderPid: pid, volumes }) => ({ pid, volumes })));
  }

  async prepare({
    containerIds,
    sourceAddresses,
    volumes,
  }: HelperArgs<'prepare-restore'>): Promise<HelperResult<'prepare-restore'>> {
    const { state } = this.#record;
    if (state === 'restored' || state === 'continued')
      throw new HelperFailure('wrong-state', `the target is ${state} already`);
    const places = containerIds.map((id, container) => this.#written(findPlace(id, volumes[container] ?? [])));
    for (const directory of [LOGS, SCRATCH, path.join(IMAGES_DIR, 'criu')])
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    const network = networkOf(places);
    await Promise.all([lockNetwork(network), addToLoopback(network, sourceAddresses)]);
    this.#become({ state: 'prepared', places, sourceAddresses });
    this.#disarm();
    this.#armed = {
      restore: places.map(({ placeholderPid }, container) => armRestore(placeholderPid, container)),
      abort: armAbort(network, sourceAddresses),
      unlock: armNetwork(network),
    };
    rehearseFit(criuImages(), network);
    for (const { placeholderPid } of places) {
      rehearseGuard(criuImages(), placeholderPid);
      rehearseOutcome(placeholderPid);
    }
    return {};
  }

  /** Files may have come already: what they have changed says nothing about where volumes are. */
  #written(place: Place): Place {
    const record = this.#record;
    const former =
      record.state === 'idle' ? undefined : record.places.find(({ containerId }) => containerId === place.containerId);
    return former ? { ...place, volumes: former.volumes } : place;
  }

  #disarm(): void {
    const { restore, abort, unlock } = this.#armed;
    for (const armed of [...restore, abort, unlock]) armed?.disarm();
    this.#armed = { restore: [] };
  }

  async restore(args: HelperArgs<'restore'>): Promise<HelperResult<'restore'>> {
    const { containerIds, handovers } = args;
    const record = this.#known(containerIds);
    if (record.state !== 'prepared')
      throw new HelperFailure('wrong-state', `the target is ${record.state}, not prepared`);
    if (handovers.length !== record.places.length)
      throw new HelperFailure('bad-request', `${handovers.length} handovers for ${record.places.length} containers`);
    const started = performance.now();
    try {
      const { places, processes, wallMs, guardMs } = await this.#restoreAll(record.places, args);
      this.#become({ ...record, state: 'restored', places });
      this.#aborted = abortOutside(networkOf(places), record.sourceAddresses, this.#armed.abort);
      this.#armed.abort = undefined;
      this.#aborted.catch(() => {});
      const criu = readCriuTimes('restore', imageDirectories(places.length), wallMs);
      return { processes, criu, guardMs, totalMs: performance.now() - started };
    } catch (error) {
      for (const { placeholderPid } of record.places) await killRestored(placeholderPid);
      throw error;
    }
  }

  /** The last one first: its images hold the System V objects, which the others may be attached to. */
  async #restoreAll(places: readonly Place[], { handovers, standIns = [], mayLose = [] }: HelperArgs<'restore'>) {
    const restored: Place[] = [];
    let processes = 0;
    let wallMs = 0;
    let guardMs = 0;
    for (const [container, place] of [...places.entries()].reverse()) {
      const handover = handovers[container];
      if (!handover) continue;
      const marks = missingMarks(place.placeholderPid, handover);
      const images = path.join(IMAGE_FILES, String(container));
      if (!existsSync(images)) throw new HelperFailure('wrong-state', 'no image has arrived, or it was discarded');
      const looked = performance.now();
      const added = fitImages(criuImages(), images, place.placeholderPid, mayLose, marks);
      guardImages(criuImages(), images, place.placeholderPid, marks);
      guardMs += performance.now() - looked;
      const stands = standIns[container] ?? [];
      outline(criuImages(), images, `/proc/${place.placeholderPid}/root`, stands);
      await alignRoot(place.placeholderPid, marks, handover);
      const armed = this.#armedFor(place, container, marks);
      const whole = { ...handover, externalMounts: [...handover.externalMounts, ...added] };
      const lacksMemory = watchMemory(place.placeholderPid);
      const { value, ms } = await timed(() => armed.run(restoreArguments(whole, stands.length > 0)));
      wallMs += ms;
      if (lacksMemory()) throw outOfMemory();
      if (value.status !== 0) throw refusal(readLog(restoreLog(container)) || value.stderr, value.stderr);
      const { root, count } = await checkRestored(place.placeholderPid, handover.innerPids, marks);
      restored.unshift({ ...place, rootPid: root });
      processes += count;
    }
    return { places: restored, processes, wallMs, guardMs };
  }

  /**
   * The restore that waits in the placeholder, or another one where the runtimes of both sides differ. Whoever gets it has to
   * run it: one that goes on waiting keeps kubelet from ending the container.
   */
  #armedFor({ placeholderPid }: Place, container: number, marks: readonly string[]): Armed {
    const waiting = this.#armed.restore[container];
    this.#armed.restore[container] = undefined;
    if (waiting && marks.length === 0) return waiting;
    waiting?.disarm();
    return armRestore(placeholderPid, container, marks);
  }

  async continue({ containerIds, afresh = [] }: HelperArgs<'continue'>): Promise<HelperResult<'continue'>> {
    const started = performance.now();
    const record = this.#known(containerIds);
    if (record.state !== 'restored' && record.state !== 'continued') {
      throw new HelperFailure('wrong-state', `the target is ${record.state}, not restored`);
    }
    const { places, sourceAddresses } = record;
    const network = networkOf(places);
    const connections = await (this.#aborted ?? abortOutside(network, sourceAddresses));
    this.#aborted = Promise.resolve(connections);
    if (record.state === 'restored') rememberAddresses(network, sourceAddresses);
    for (const place of places.filter(isThere)) tellPlaceholder(place);
    this.#become({ ...record, state: 'continued' });
    const armed = this.#armed.unlock;
    this.#armed.unlock = undefined;
    await unlockNetwork(network, armed);
    for (const { rootPid } of places) continueTree(rootPid);
    for (const id of afresh) startAfresh(findPlaceholder(id));
    this.#cleaning = this.#cleanUp(network, sourceAddresses).catch(() => {});
    return { connections, totalMs: performance.now() - started };
  }

  /** What nobody waits for: the program runs already. The addresses stay when the pod talks to itself by them. */
  async #cleanUp(network: number, sourceAddresses: readonly string[]): Promise<void> {
    if (!(await addressesInUse(network, sourceAddresses))) await removeFromLoopback(network, sourceAddresses);
    rmSync(IMAGE_FILES, { recursive: true, force: true });
  }

  /** The helper is about to end. */
  async end(): Promise<void> {
    this.#disarm();
    await this.#cleaning;
  }

  async discard({ containerIds, keepImages }: HelperArgs<'discard'>): Promise<Record<string, never>> {
    const record = this.#record;
    if (record.state === 'idle' || record.state === 'discarded') return {};
    if (this.#known(containerIds).state === 'continued')
      throw new HelperFailure('wrong-state', 'the target runs already');
    this.#disarm();
    const present = record.places.filter(isThere);
    for (const { placeholderPid } of present) await killRestored(placeholderPid);
    if (present.length > 0) {
      await unlockNetwork(networkOf(present));
      await removeFromLoopback(networkOf(present), record.sourceAddresses);
    }
    if (!keepImages) rmSync(IMAGE_FILES, { recursive: true, force: true });
    this.#become({ ...record, state: 'discarded' });
    return {};
  }

  #known(containerIds: readonly string[]): Known {
    const record = this.#record;
    if (record.state === 'idle') throw new HelperFailure('wrong-state', 'no placeholder was prepared');
    const prepared = record.places.map(({ containerId }) => containerId);
    if (prepared.join() !== containerIds.join())
      throw new HelperFailure('wrong-state', 'another container was prepared');
    return record;
  }

  #become(record: Known): void {
    this.#record = record;
    saveTarget(record);
  }
}

/**
 * The record says that a target goes on before it does, so that nobody takes it for one that may be discarded. Whoever wrote
 * that may have died in between, or been refused by the network's lock: then it is still to go on.
 */
export function stateOf({ state, places }: Pick<Known, 'state' | 'places'>): Known['state'] {
  if (state !== 'continued') return state;
  // The root goes on last.
  const isStill = (place: Place) => isThere(place) && readProcess(place.rootPid)?.state === 'T';
  return places.some(isStill) ? 'restored' : state;
}

const markerOf = (placeholderPid: number) => `/proc/${placeholderPid}/root${PLACEHOLDER_DIR}/restored`;

/** A placeholder that waits and was never restored into. */
function findPlace(containerId: string, mountPaths: readonly string[]): Place {
  const placeholderPid = findPlaceholder(containerId);
  const mounts = parseMountInfo(readProc(placeholderPid, 'mountinfo') ?? '');
  if (!mounts.some(({ mountPoint }) => mountPoint === PLACEHOLDER_DIR))
    throw new HelperFailure('not-movable', `the target container has nothing mounted at ${PLACEHOLDER_DIR}`);
  if (existsSync(markerOf(placeholderPid))) throw new HelperFailure('wrong-state', 'the target was restored before');
  const volumes = volumesOf(`/proc/${placeholderPid}/root`, mounts, mountPaths);
  return { containerId, placeholderPid, startTime: startTimeOf(placeholderPid), rootPid: 0, volumes };
}

/**
 * A placeholder that another helper has restored into; none where the container is gone, nothing is beside it, or less
 * than was dumped. What goes on already may have changed since.
 */
async function restoredPlace(containerId: string, handover: Handover | undefined): Promise<Place[]> {
  const members = membersOf(containerId);
  const [first, root] = [outermostInit(members), chooseRoot(members)];
  if (!first?.isPlaceholder || !root || root === first) return [];
  const place = {
    containerId,
    placeholderPid: first.pid,
    startTime: startTimeOf(first.pid),
    rootPid: root.pid,
    volumes: [],
  };
  if (isTold(place)) return [place];
  try {
    const marks = handover ? missingMarks(first.pid, handover) : [];
    await checkRestored(first.pid, handover?.innerPids ?? [], marks);
    return [place];
  } catch (error) {
    if (error instanceof HelperFailure) return [];
    throw error;
  }
}

const isTold = ({ placeholderPid }: Place) => existsSync(markerOf(placeholderPid));

const startTimeOf = (pid: number) => readProcess(pid)?.startTime ?? 0;

const outOfMemory = () =>
  new HelperFailure(
    'criu-refused-restore',
    'CRIU cannot restore the container: the memory limit of the target’s pod is too low for what it has to hold: raise it',
  );

function refusal(log: string, stderr: string): HelperFailure {
  const summary = `CRIU cannot restore the container: ${causeOf(log)}`;
  return new HelperFailure('criu-refused-restore', summary, interestingLines(log).join('\n') || stderr);
}

/**
 * The placeholder stands for that root from now on; a container that starts with the marker there starts afresh. Idempotent,
 * also for a helper that does not know how far another one got.
 */
function tellPlaceholder({ placeholderPid, rootPid }: Place): void {
  const pids = parseNamespacePids(readProc(rootPid, 'status') ?? '');
  const depth = parseNamespacePids(readProc(placeholderPid, 'status') ?? '').length;
  tell(placeholderPid, pids[depth - 1] ?? 0);
}

/** Nothing was restored beside it: it finds itself in the marker, and starts the original program. Idempotent. */
function startAfresh(placeholderPid: number): void {
  if (isPlaceholder((readProc(placeholderPid, 'cmdline') ?? '').split('\0'))) tell(placeholderPid, 1);
}

/** It looks at the marker when a child ends, and is told that one did. */
function tell(placeholderPid: number, root: number): void {
  if (!existsSync(markerOf(placeholderPid))) writeInto(markerOf(placeholderPid), `${root}\n`);
  process.kill(placeholderPid, 'SIGCHLD');
}

/** How long a restored process may take to stop, in ms. */
const STOP_MS = 2000;
const isStopped = ({ state }: { state: string }) => state === 'T' || state === 'Z';

/**
 * What CRIU left below a placeholder. It leaves each process with a pending SIGSTOP (`--leave-stopped`), which takes hold
 * before the first instruction of the program, but not before a processor is free for it: until then it shows as running.
 */
async function restoredTree(placeholderPid: number) {
  for (const until = performance.now() + STOP_MS; ; ) {
    const restored = processTree(placeholderPid).slice(1);
    if (restored.every(isStopped) || performance.now() > until)
      return restored.map((info) => ({ ...info, innerPid: innerPid(info.pid) }));
    await setTimeout(2);
  }
}

/**
 * The restored root: a child of the placeholder that is pid 1 in a namespace of its own. Throws unless all processes of
 * the dump are there and stopped, and none has more than the placeholder was given.
 */
async function checkRestored(placeholderPid: number, innerPids: readonly number[], marks: readonly string[]) {
  const restored = await restoredTree(placeholderPid);
  const root = restored.find((each) => each.parent === placeholderPid && each.innerPid === 1);
  if (!root) throw new HelperFailure('criu-refused-restore', 'CRIU restored no process');
  const running = restored.filter((each) => !isStopped(each));
  if (running.length > 0) {
    const names = running.map(({ name }) => name).join(' ');
    throw new HelperFailure('criu-refused-restore', 'a restored process is not stopped', names);
  }
  const present = new Set(restored.map((each) => each.innerPid));
  const missing = innerPids.filter((pid) => !present.has(pid));
  if (missing.length > 0)
    throw new HelperFailure('criu-refused-restore', `processes are missing: ${missing.join(' ')}`);
  checkOutcome(placeholderPid, restored, marks);
  return { root: root.pid, count: innerPids.length };
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
    await setTimeout(20);
  }
}

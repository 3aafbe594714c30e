import { performance } from 'node:perf_hooks';
import type { Channels } from './bulk/channels.ts';
import { sendImages } from './bulk/images.ts';
import { imageDirectories, readCriuTimes } from './criu.ts';
import { type HelperEvent, PROTOCOL_VERSION } from './envelope.ts';
import { HelperFailure, toErrorBody } from './failure.ts';
import { FileSender } from './files/sender.ts';
import { MemoryAhead } from './memory/ahead.ts';
import { BASE_FILE } from './memory/base.ts';
import { innerPid, processTree } from './processes.ts';
import type { Handover, HelperArgs, HelperResult } from './protocol.ts';
import { type SourceMember, type SourceRecord, statusOf } from './record.ts';
import { letGo, NetworkAhead, type SourceActs, sourceActs } from './source-acts.ts';
import { timed, toTransfer } from './timing.ts';
import { uptimeMs } from './uptime.ts';

const gone = () => new HelperFailure('container-not-found', 'a container ended or was restarted meanwhile');
/** A process in the network namespace that the pod's containers share. */
const networkOf = (members: readonly SourceMember[]) => members[0]?.rootPid ?? 0;
/** The persistent volumes of the containers, as this process sees them. */
const inPlace = (members: readonly SourceMember[], containers: HelperArgs<'freeze'>['containers']) =>
  containers.flatMap((each, index) => (each.inPlace ?? []).map((at) => `/proc/${members[index]?.rootPid}/root${at}`));
/** A thaw that failed is tried again after so long. */
const RETRY_MS = 1000;

/** What the source side needs from its surroundings. */
export type SourceContext = { channels: Channels; announce: (event: HelperEvent) => void };

/** The containers of a pod that are being moved away, from the first copy to their release. */
export class Source {
  readonly #context: SourceContext;
  readonly #acts: SourceActs;
  readonly #network: NetworkAhead;
  readonly #files = new FileSender();
  readonly #memory = new MemoryAhead(BASE_FILE);
  #record: SourceRecord = { state: 'idle' };
  #timer: NodeJS.Timeout | undefined;
  #busy = false;
  /** Lock and dump: what a thaw has to let come to an end first. */
  #dumping: Promise<unknown> = Promise.resolve();
  #thawing: Promise<void> | undefined;

  constructor(context: SourceContext, acts: SourceActs = sourceActs) {
    this.#context = context;
    this.#acts = acts;
    this.#network = new NetworkAhead(acts);
  }

  status(): HelperResult<'status'>['source'] {
    return statusOf(this.#record);
  }

  /** Sealed: stopped, and nobody else lets it go on. */
  isKept(): boolean {
    return this.#record.state === 'sealed' && this.#living(this.#record.members).length > 0;
  }

  /** After a restart of the helper: takes up timer and seal where the former process left them. */
  async recover(): Promise<void> {
    const record = this.#acts.load();
    if (record.state !== 'idle' && this.#living([...record.members, ...(record.siblings ?? [])]).length === 0) return;
    this.#record = record;
    if (record.state === 'frozen') this.#arm(record.thawAt - uptimeMs());
    if (record.state === 'thawing') this.#arm(0);
  }

  async precopy({ containers, channel }: HelperArgs<'precopy'>): Promise<HelperResult<'precopy'>> {
    const members = this.#find(containers);
    // What is on the storage now is not waited for within the freeze.
    await this.#acts.sync(inPlace(members, containers));
    await this.#network.prepare(networkOf(members));
    return this.#context.channels.use(channel, async ({ writer }) => {
      const sending = this.#files.send(members, writer).catch((error) => this.#orGone(members, error));
      const { value, ms } = await timed(() => sending);
      return { transfer: toTransfer(value, ms), files: value.files };
    });
  }

  async copyMemory({ containerIds, channel }: HelperArgs<'copy-memory'>): Promise<HelperResult<'copy-memory'>> {
    const members = this.#find(containerIds.map((id) => ({ id, volumes: [] })));
    const roots = members.map(({ rootPid }) => rootPid);
    return this.#context.channels.use(channel, async ({ writer }) => {
      const sending = this.#memory.copy(roots, writer).catch((error) => this.#orGone(members, error));
      const { value, ms } = await timed(() => sending);
      return { transfer: toTransfer(value, ms) };
    });
  }

  async freeze(args: HelperArgs<'freeze'>): Promise<HelperResult<'freeze'>> {
    const started = performance.now();
    return this.#exclusively(async () => {
      try {
        const members = this.#find(args.containers);
        const handovers = members.map(({ rootPid }) => this.#acts.describe(rootPid));
        this.#acts.emptyDirectories(members.length);
        const siblings = this.#siblings(args.siblings);
        this.#becomeFrozen(members, args.thawAfterMs, siblings);
        return await this.#freezeAndSend(args, members, handovers, started)
          .catch((error) => this.#orGone(members, error))
          .catch((error) => this.#undo(error));
      } catch (error) {
        this.#context.channels.drop(args.channel);
        throw error;
      }
    });
  }

  /** Written before the act, so that a helper that restarts in the middle of it thaws too. Returns when it will. */
  #becomeFrozen(members: SourceMember[], thawAfterMs: number, siblings: SourceMember[] = []): number {
    const thawAt = uptimeMs() + thawAfterMs;
    this.#become({ state: 'frozen', members, siblings, thawAt });
    return thawAt;
  }

  /** From a running source to a frozen one, once at a time. Throws `wrong-state`. */
  async #exclusively<T>(act: () => Promise<T>): Promise<T> {
    const { state } = this.#record;
    if (this.#busy || (state !== 'idle' && state !== 'thawed')) {
      throw new HelperFailure('wrong-state', `the source is ${this.#busy ? 'being frozen' : state} already`);
    }
    this.#busy = true;
    try {
      return await act();
    } finally {
      this.#busy = false;
    }
  }

  async #freezeAndSend(
    { channel, containers }: HelperArgs<'freeze'>,
    members: readonly SourceMember[],
    handovers: Handover[],
    started: number,
  ) {
    const dumping = this.#lockAndDump(members, handovers);
    this.#dumping = dumping.catch(() => {});
    const { lockMs, dumpMs } = await dumping;
    // From here on the timer holds, also when nobody takes what is sent.
    if (this.#record.state === 'frozen') this.#arm(this.#record.thawAt - uptimeMs(), channel);
    for (const [index, handover] of handovers.entries())
      handover.innerPids = processTree(members[index]?.rootPid ?? 0).map((each) => innerPid(each.pid));
    const directories = imageDirectories(members.length);
    const [sent] = await Promise.all([
      this.#context.channels.use(channel, async ({ writer }) => ({
        images: await timed(() => sendImages(directories, writer, this.#memory.known)),
        delta: await timed(() => this.#files.send(members, writer)),
      })),
      this.#acts.sync(inPlace(members, containers)),
    ]);
    const { images, delta } = sent;
    this.#memory.forget();
    this.#expectFrozen();
    return {
      handovers,
      images: toTransfer(images.value, images.ms),
      knownBytes: images.value.knownBytes,
      delta: toTransfer(delta.value, delta.ms),
      deltaFiles: delta.value.files,
      criu: readCriuTimes('dump', directories, dumpMs),
      timings: { lockMs, dumpMs, imagesMs: images.ms, deltaMs: delta.ms, totalMs: performance.now() - started },
    };
  }

  /**
   * One container after the other: a stopped one is, for those that still run, one that gets no processor. So the moment
   * at which the last one stops is the cut for all of them; what they share (files, memory, System V objects) is taken
   * then or later, and the lock holds their connections.
   */
  async #lockAndDump(members: readonly SourceMember[], handovers: readonly Handover[]) {
    const { ms: lockMs } = await timed(() => this.#network.lock(networkOf(members)));
    await this.#stopSiblings();
    let dumpMs = 0;
    for (const [index, { rootPid }] of members.entries()) {
      // A thaw that came meanwhile waits for this to end; it must not find a tree stopped behind its back.
      this.#expectFrozen();
      const { ms } = await timed(() => this.#acts.dump(rootPid, index, handovers[index]?.externalMounts ?? []));
      dumpMs += ms;
    }
    return { lockMs, dumpMs };
  }

  /** One that is restarting has nothing that runs. */
  #siblings(ids: readonly string[] = []): SourceMember[] {
    return ids.flatMap((id) => this.#findIfThere({ id, volumes: [] }));
  }

  async #stopSiblings(): Promise<void> {
    const record = this.#record;
    if (record.state !== 'frozen') return;
    await Promise.all(this.#living(record.siblings ?? []).map(({ rootPid }) => this.#acts.stopTree(rootPid)));
  }

  async fence({ containerIds, thawAfterMs }: HelperArgs<'fence'>): Promise<HelperResult<'fence'>> {
    return this.#exclusively(async () => {
      const members = this.#find(containerIds.map((id) => ({ id, volumes: [] })));
      const thawAt = this.#becomeFrozen(members, thawAfterMs);
      return await this.#lockOut(members, thawAt).catch((error) => this.#undo(error));
    });
  }

  /** CRIU of the runtime refuses established connections, and their peers would wait for a source that has gone. */
  async #lockOut(members: readonly SourceMember[], thawAt: number): Promise<{ connections: number }> {
    const connections = await this.#network.release(networkOf(members));
    this.#expectFrozen();
    this.#arm(thawAt - uptimeMs());
    return { connections };
  }

  async halt({ containerIds, archive }: HelperArgs<'halt'>): Promise<HelperResult<'halt'>> {
    this.#expect(containerIds);
    this.#expectFrozen();
    const members = this.#record.state === 'frozen' ? this.#record.members : [];
    const stopping = Promise.all(members.map(({ rootPid }) => this.#acts.stopTree(rootPid)));
    // A thaw that comes meanwhile waits for this to end; it must not find the tree stopped behind its back.
    this.#dumping = stopping.catch(() => {});
    await stopping;
    this.#expectFrozen();
    return { bytes: this.#acts.archiveBytes(archive) };
  }

  #find(containers: HelperArgs<'freeze'>['containers']): SourceMember[] {
    return containers.map(({ id, volumes }) => {
      const rootPid = this.#acts.findRoot(id);
      return { containerId: id, rootPid, startTime: this.#acts.startTime(rootPid) ?? 0, volumes };
    });
  }

  #isAnyGone(members: readonly SourceMember[]): boolean {
    return this.#living(members).length < members.length;
  }

  /** What fails because a container is no longer there is told as that. */
  #orGone(members: readonly SourceMember[], error: unknown): never {
    throw this.#isAnyGone(members) ? gone() : error;
  }

  #living(members: readonly SourceMember[]): SourceMember[] {
    return members.filter(({ rootPid, startTime }) => this.#acts.startTime(rootPid) === startTime);
  }

  #expectFrozen(): void {
    if (this.#record.state !== 'frozen') throw new HelperFailure('already-thawed', 'the source was thawed meanwhile');
  }

  /** In the place of a helper that is gone, and whose record went with it. */
  async takeUp({ containers, siblings }: HelperArgs<'take-up'>): Promise<Record<string, never>> {
    if (this.#record.state !== 'idle') return {};
    const members = containers.flatMap((container) => this.#findIfThere(container));
    const stopped = members.some(({ rootPid }) => this.#acts.isStopped(rootPid));
    if (stopped || (members.length > 0 && (await this.#acts.isLocked(networkOf(members)))))
      this.#become({ state: 'sealed', members, siblings: this.#siblings(siblings), thawAt: uptimeMs() });
    return {};
  }

  #findIfThere(container: HelperArgs<'freeze'>['containers'][number]): SourceMember[] {
    try {
      return this.#find([container]);
    } catch (error) {
      if (error instanceof HelperFailure && error.code === 'container-not-found') return [];
      throw error;
    }
  }

  async thaw({ containerIds, podLogs }: HelperArgs<'thaw'>): Promise<Record<string, never>> {
    const { state } = this.#record;
    if (state === 'released')
      throw new HelperFailure('wrong-state', 'the source was released: its clients were cut off');
    if (state !== 'idle' && state !== 'thawed') {
      this.#expect(containerIds);
      await this.#thaw();
    }
    // Also where nothing is stopped any more: of a container that has ended meanwhile kubelet starts another.
    this.#acts.allowRestarts(podLogs);
    return {};
  }

  async seal({ containerIds, podLogs }: HelperArgs<'seal'>): Promise<HelperResult<'seal'>> {
    const record = this.#record;
    if (record.state === 'thawing' || record.state === 'thawed')
      throw new HelperFailure('already-thawed', 'the source goes on already');
    this.#expect(containerIds);
    if (record.state === 'frozen' && !this.#busy) {
      if (this.#isAnyGone(record.members)) throw gone();
      this.#become({ ...record, state: 'sealed' });
      clearTimeout(this.#timer);
    }
    if (this.#record.state !== 'sealed') throw new HelperFailure('wrong-state', `the source is ${this.#record.state}`);
    return { obstacle: this.#preventRestarts(podLogs) };
  }

  /** What is stopped answers no liveness probe: kubelet ends it in time, and would start it afresh. */
  #preventRestarts(podLogs: string): string {
    try {
      this.#acts.preventRestarts(podLogs);
      return '';
    } catch (error) {
      return toErrorBody(error).summary;
    }
  }

  async release({ containerIds }: HelperArgs<'release-connections'>): Promise<{ connections: number }> {
    this.#expect(containerIds);
    const record = this.#record;
    if (record.state !== 'sealed' && record.state !== 'released') {
      throw new HelperFailure('wrong-state', `the source is ${record.state}, not sealed`);
    }
    // Before the acts: a thaw that came between them would continue a source whose target runs.
    this.#become({ ...record, state: 'released' });
    return { connections: await this.#network.release(networkOf(record.members)) };
  }

  /** The helper is about to end: what is frozen and not sealed goes on. */
  async end(): Promise<void> {
    this.#network.disarm();
    // No timer comes after this: a second try at once.
    if (this.#mustThaw()) await this.#thaw().catch(() => this.#thaw());
  }

  /** Nobody has sealed it and it may be stopped. */
  #mustThaw(): boolean {
    return this.#record.state === 'frozen' || this.#record.state === 'thawing';
  }

  #expect(containerIds: readonly string[]): void {
    if (this.#record.state === 'idle') throw new HelperFailure('wrong-state', 'nothing is frozen');
    const frozen = this.#record.members.map(({ containerId }) => containerId);
    if (frozen.join() !== containerIds.join()) throw new HelperFailure('wrong-state', 'another container is frozen');
  }

  #become(record: SourceRecord): void {
    this.#acts.save(record);
    this.#record = record;
  }

  #arm(ms: number, channel?: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#thawLate(channel), Math.max(0, ms));
  }

  async #thawLate(channel?: string): Promise<void> {
    if (!this.#mustThaw()) return;
    // A transfer that is still under way has nobody to go to.
    if (this.#busy && channel !== undefined) this.#context.channels.drop(channel);
    try {
      await this.#thaw();
    } catch {
      return; // It set the timer again.
    }
    this.#context.announce({
      v: PROTOCOL_VERSION,
      event: 'thawed',
      reason: 'the deadline passed and nobody had sealed the source',
    });
  }

  /** A freeze failed midway: whatever it had begun is undone, also when a thaw came before. */
  async #undo(error: unknown): Promise<never> {
    await this.#thaw().catch(() => {});
    throw error;
  }

  /** One at a time. When it fails the timer tries again. */
  #thaw(): Promise<void> {
    this.#thawing ??= this.#thawOnce().finally(() => {
      this.#thawing = undefined;
    });
    return this.#thawing;
  }

  async #thawOnce(): Promise<void> {
    const record = this.#record;
    if (record.state === 'idle') return;
    clearTimeout(this.#timer);
    const { members, siblings = [] } = record;
    // Before anything is awaited: from here on no seal succeeds.
    this.#markThawing({ state: 'thawing', members, siblings });
    try {
      // In the middle of a dump CRIU holds the tree; it lets go when it is done or refuses.
      await this.#dumping;
      await letGo(this.#acts, this.#living(members), this.#living(siblings));
      this.#network.disarm();
      this.#acts.removeImages();
      this.#memory.forget();
      this.#become({ state: 'thawed', members });
    } catch (error) {
      this.#arm(RETRY_MS);
      throw error;
    }
  }

  #markThawing(record: SourceRecord): void {
    this.#record = record;
    try {
      this.#acts.save(record);
    } catch {
      // A dump may have filled the file system; that is no reason to leave the tree stopped.
    }
  }
}

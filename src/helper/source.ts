import { performance } from 'node:perf_hooks';
import type { Channels } from './bulk/channels.ts';
import { sendImages } from './bulk/images.ts';
import { IMAGE_FILES, readCriuTimes } from './criu.ts';
import type { HelperEvent } from './envelope.ts';
import { HelperFailure } from './failure.ts';
import { FileSender } from './files/sender.ts';
import { innerPid, processTree } from './processes.ts';
import type { Handover, HelperArgs, HelperResult, MovedVolume } from './protocol.ts';
import { type SourceRecord, statusOf } from './record.ts';
import { letGo, NetworkAhead, type SourceActs, sourceActs } from './source-acts.ts';
import { timed, toTransfer } from './timing.ts';

/** A thaw that failed is tried again after so long. */
const RETRY_MS = 1000;

/** What the source side needs from its surroundings. */
export type SourceContext = { channels: Channels; announce: (event: HelperEvent) => void };

/** The container that is being moved away, from the first copy to its release. */
export class Source {
  readonly #context: SourceContext;
  readonly #acts: SourceActs;
  readonly #network: NetworkAhead;
  readonly #files = new FileSender();
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

  /** After a restart of the helper: takes up timer and seal where the former process left them. */
  async recover(): Promise<void> {
    const record = this.#acts.load();
    if (record.state !== 'idle' && this.#acts.startTime(record.rootPid) !== record.startTime) return;
    this.#record = record;
    if (record.state === 'frozen') this.#arm(record.thawAt - Date.now());
    if (record.state === 'thawing') this.#arm(0);
  }

  async precopy({ containerId, channel, volumes }: HelperArgs<'precopy'>): Promise<HelperResult<'precopy'>> {
    const pid = this.#acts.findRoot(containerId);
    await this.#network.prepare(pid);
    return this.#context.channels.use(channel, async ({ writer }) => {
      const { value, ms } = await timed(() => this.#files.send(containerId, pid, volumes, writer));
      return { transfer: toTransfer(value, ms), files: value.files };
    });
  }

  async freeze(args: HelperArgs<'freeze'>): Promise<HelperResult<'freeze'>> {
    const started = performance.now();
    return this.#exclusively(async () => {
      try {
        const pid = this.#acts.findRoot(args.containerId);
        const mountPaths = args.volumes.map(({ mountPath }) => mountPath);
        const handover = this.#acts.describe(pid, mountPaths);
        this.#acts.emptyDirectories();
        this.#becomeFrozen(pid, args, args.volumes);
        return await this.#freezeAndSend(args, pid, handover, started).catch((error) => this.#undo(error));
      } catch (error) {
        this.#context.channels.drop(args.channel);
        throw error;
      }
    });
  }

  /** Written before the act, so that a helper that restarts in the middle of it thaws too. Returns when it will. */
  #becomeFrozen(rootPid: number, args: { containerId: string; thawAfterMs: number }, volumes: MovedVolume[]): number {
    const { containerId, thawAfterMs } = args;
    const startTime = this.#acts.startTime(rootPid) ?? 0;
    const thawAt = Date.now() + thawAfterMs;
    this.#become({ state: 'frozen', containerId, rootPid, startTime, volumes, thawAt });
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

  async #freezeAndSend(args: HelperArgs<'freeze'>, pid: number, handover: Handover, started: number) {
    const { channel, containerId, volumes } = args;
    const dumping = this.#lockAndDump(pid, handover.externalMounts);
    this.#dumping = dumping.catch(() => {});
    const { lockMs, dumpMs } = await dumping;
    // From here on the timer holds, also when nobody takes what is sent.
    if (this.#record.state === 'frozen') this.#arm(this.#record.thawAt - Date.now(), channel);
    handover.innerPids = processTree(pid).map((each) => innerPid(each.pid));
    const sent = await this.#context.channels.use(channel, async ({ writer }) => ({
      images: await timed(() => sendImages(IMAGE_FILES, writer)),
      delta: await timed(() => this.#files.send(containerId, pid, volumes, writer)),
    }));
    const { images, delta } = sent;
    this.#expectFrozen();
    return {
      handover,
      images: toTransfer(images.value, images.ms),
      delta: toTransfer(delta.value, delta.ms),
      deltaFiles: delta.value.files,
      criu: readCriuTimes('dump', IMAGE_FILES, dumpMs),
      timings: { lockMs, dumpMs, deltaMs: delta.ms, totalMs: performance.now() - started },
    };
  }

  async #lockAndDump(pid: number, externalMounts: readonly string[]): Promise<{ lockMs: number; dumpMs: number }> {
    const { ms: lockMs } = await timed(() => this.#network.lock(pid));
    // A thaw that came meanwhile waits for this to end; it must not find the tree stopped behind its back.
    this.#expectFrozen();
    const { ms: dumpMs } = await timed(() => this.#acts.dump(pid, externalMounts));
    return { lockMs, dumpMs };
  }

  async fence(args: HelperArgs<'fence'>): Promise<HelperResult<'fence'>> {
    return this.#exclusively(async () => {
      const pid = this.#acts.findRoot(args.containerId);
      const thawAt = this.#becomeFrozen(pid, args, []);
      return await this.#lockOut(pid, thawAt).catch((error) => this.#undo(error));
    });
  }

  /** CRIU of the runtime refuses established connections, and their peers would wait for a source that has gone. */
  async #lockOut(pid: number, thawAt: number): Promise<{ connections: number }> {
    const connections = await this.#network.release(pid);
    this.#expectFrozen();
    this.#arm(thawAt - Date.now());
    return { connections };
  }

  async halt({ containerId, archive }: HelperArgs<'halt'>): Promise<HelperResult<'halt'>> {
    this.#expect(containerId);
    this.#expectFrozen();
    const stopping = this.#acts.stopTree(this.#record.state === 'frozen' ? this.#record.rootPid : 0);
    // A thaw that comes meanwhile waits for this to end; it must not find the tree stopped behind its back.
    this.#dumping = stopping.catch(() => {});
    await stopping;
    this.#expectFrozen();
    return { bytes: this.#acts.archiveBytes(archive) };
  }

  #expectFrozen(): void {
    if (this.#record.state !== 'frozen') throw new HelperFailure('already-thawed', 'the source was thawed meanwhile');
  }

  async thaw({ containerId }: HelperArgs<'thaw'>): Promise<Record<string, never>> {
    const { state } = this.#record;
    if (state === 'idle' || state === 'thawed') return {};
    this.#expect(containerId);
    if (state === 'released')
      throw new HelperFailure('wrong-state', 'the source was released: its clients were cut off');
    await this.#thaw();
    return {};
  }

  async seal({ containerId }: HelperArgs<'seal'>): Promise<Record<string, never>> {
    const record = this.#record;
    if (record.state === 'thawing' || record.state === 'thawed')
      throw new HelperFailure('already-thawed', 'the source goes on already');
    this.#expect(containerId);
    if (record.state === 'frozen' && !this.#busy) {
      this.#become({ ...record, state: 'sealed' });
      clearTimeout(this.#timer);
    }
    if (this.#record.state !== 'sealed') throw new HelperFailure('wrong-state', `the source is ${this.#record.state}`);
    return {};
  }

  async release({ containerId }: HelperArgs<'release-connections'>): Promise<{ connections: number }> {
    this.#expect(containerId);
    const record = this.#record;
    if (record.state !== 'sealed' && record.state !== 'released') {
      throw new HelperFailure('wrong-state', `the source is ${record.state}, not sealed`);
    }
    // Before the acts: a thaw that came between them would continue a source whose target runs.
    this.#become({ ...record, state: 'released' });
    return { connections: await this.#network.release(record.rootPid) };
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

  #expect(containerId: string): void {
    if (this.#record.state === 'idle') throw new HelperFailure('wrong-state', 'nothing is frozen');
    if (this.#record.containerId !== containerId) throw new HelperFailure('wrong-state', 'another container is frozen');
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
    this.#context.announce({ v: 1, event: 'thawed', reason: 'the deadline passed and nobody had sealed the source' });
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
    const { containerId, rootPid, startTime, volumes } = record;
    const who = { containerId, rootPid, startTime, volumes };
    // Before anything is awaited: from here on no seal succeeds.
    this.#markThawing({ state: 'thawing', ...who });
    try {
      // In the middle of a dump CRIU holds the tree; it lets go when it is done or refuses.
      await this.#dumping;
      if (this.#acts.startTime(rootPid) === startTime) await letGo(this.#acts, rootPid, volumes);
      this.#network.disarm();
      this.#acts.removeImages();
      this.#become({ state: 'thawed', ...who });
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

import { rmSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { Channels } from './bulk/channels.ts';
import type { Totals } from './bulk/framing.ts';
import { sendImages } from './bulk/images.ts';
import type { Armed } from './command.ts';
import { IMAGE_FILES, readCriuTimes } from './criu.ts';
import { describe, dump, emptyDirectories } from './dump.ts';
import type { HelperEvent } from './envelope.ts';
import { HelperFailure } from './failure.ts';
import { type Copied, sectionsOf, sendFiles } from './files/copy.ts';
import { removeLinkRemaps } from './files/link-remaps.ts';
import { abortOutside, armNetwork, lockNetwork, permitResets, podAddresses, unlockNetwork } from './network.ts';
import { continueTree, findRoot, innerPid, processTree, readProcess } from './processes.ts';
import type { Handover, HelperArgs, HelperResult } from './protocol.ts';
import { loadSource, type SourceRecord, saveSource } from './record.ts';
import { timed, toTransfer } from './timing.ts';

/** What the source side needs from its surroundings. */
export type SourceContext = { channels: Channels; announce: (event: HelperEvent) => void };

/** The container that is being moved away, from the first copy to its release. */
export class Source {
  readonly #context: SourceContext;
  #record: SourceRecord = { state: 'idle' };
  #copied = new Map<string, Copied>();
  #copiedOf = '';
  #timer: NodeJS.Timeout | undefined;
  #busy = false;
  #dumping: Promise<unknown> = Promise.resolve();
  /** nft, started at the last precopy and waiting for the freeze. */
  #armedLock: { pid: number; armed: Armed } | undefined;
  #release: Release | undefined;

  constructor(context: SourceContext) {
    this.#context = context;
  }

  status(): HelperResult<'status'>['source'] {
    const { state } = this.#record;
    if (state === 'idle') return { state, containerId: null, thawInMs: null };
    const thawInMs = state === 'frozen' ? Math.max(0, this.#record.thawAt - Date.now()) : null;
    return { state, containerId: this.#record.containerId, thawInMs };
  }

  /** After a restart of the helper: takes up timer and seal where the former process left them. */
  async recover(): Promise<void> {
    const record = loadSource();
    if (record.state !== 'idle' && readProcess(record.rootPid)?.startTime !== record.startTime) return;
    this.#record = record;
    if (record.state === 'frozen') this.#arm(record.thawAt - Date.now());
  }

  async precopy({ containerId, channel, volumes }: HelperArgs<'precopy'>): Promise<HelperResult<'precopy'>> {
    const pid = findRoot(containerId);
    this.#armedLock?.armed.disarm();
    this.#armedLock = { pid, armed: armNetwork(pid) };
    return this.#context.channels.use(channel, async ({ writer }) => {
      const { value, ms } = await timed(() => this.#send(containerId, pid, volumes, writer));
      return { transfer: toTransfer(value, ms), files: value.files };
    });
  }

  async #send(
    containerId: string,
    pid: number,
    volumes: HelperArgs<'precopy'>['volumes'],
    writer: Parameters<typeof sendFiles>[3],
  ): Promise<Totals> {
    const identity = `${containerId} ${pid}`;
    const former = this.#copiedOf === identity ? this.#copied : new Map<string, Copied>();
    // Until this transfer is complete nothing is known of the copy.
    this.#copied = new Map();
    this.#copiedOf = identity;
    try {
      const { files, copied } = await sendFiles(pid, sectionsOf(pid, volumes), former, writer);
      const totals = await writer.end(files);
      this.#copied = copied;
      return totals;
    } catch (error) {
      await writer.fail(String(error)).catch(() => {});
      throw error;
    }
  }

  async freeze(args: HelperArgs<'freeze'>): Promise<HelperResult<'freeze'>> {
    const started = performance.now();
    const { state } = this.#record;
    if (this.#busy || (state !== 'idle' && state !== 'thawed')) {
      throw new HelperFailure('wrong-state', `the source is ${this.#busy ? 'being frozen' : state} already`);
    }
    this.#busy = true;
    try {
      const pid = findRoot(args.containerId);
      const startTime = readProcess(pid)?.startTime ?? 0;
      const mountPaths = args.volumes.map(({ mountPath }) => mountPath);
      const handover = describe(pid, mountPaths);
      emptyDirectories();
      // Written before the act, so that a helper that restarts in the middle of it thaws too.
      const thawAt = Date.now() + args.thawAfterMs;
      this.#become({ state: 'frozen', containerId: args.containerId, rootPid: pid, startTime, thawAt });
      return await this.#freezeAndSend(args, pid, handover, started);
    } catch (error) {
      await this.#undo();
      this.#context.channels.drop(args.channel);
      throw error;
    } finally {
      this.#busy = false;
    }
  }

  async #freezeAndSend(args: HelperArgs<'freeze'>, pid: number, handover: Handover, started: number) {
    const { channel, containerId, volumes } = args;
    const { ms: lockMs } = await timed(() => this.#lock(pid));
    const dumping = timed(() => dump(pid, handover.externalMounts));
    this.#dumping = dumping.catch(() => {});
    const { ms: dumpMs } = await dumping;
    // From here on the timer holds, also when nobody takes what is sent.
    if (this.#record.state === 'frozen') this.#arm(this.#record.thawAt - Date.now(), channel);
    handover.innerPids = processTree(pid).map((each) => innerPid(each.pid));
    const sent = await this.#context.channels.use(channel, async ({ writer }) => ({
      images: await timed(() => sendImages(IMAGE_FILES, writer)),
      delta: await timed(() => this.#send(containerId, pid, volumes, writer)),
    }));
    const { images, delta } = sent;
    if (this.#record.state !== 'frozen') throw new HelperFailure('already-thawed', 'the source was thawed meanwhile');
    return {
      handover,
      images: toTransfer(images.value, images.ms),
      delta: toTransfer(delta.value, delta.ms),
      deltaFiles: delta.value.files,
      criu: readCriuTimes('dump', IMAGE_FILES, dumpMs),
      timings: { lockMs, dumpMs, deltaMs: delta.ms, totalMs: performance.now() - started },
    };
  }

  async #lock(pid: number): Promise<void> {
    const ready = this.#armedLock;
    this.#armedLock = undefined;
    if (ready?.pid === pid) return lockNetwork(pid, ready.armed);
    ready?.armed.disarm();
    return lockNetwork(pid);
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
    if (record.state === 'thawed') throw new HelperFailure('already-thawed', 'the source goes on already');
    this.#expect(containerId);
    if (record.state === 'frozen' && !this.#busy) {
      clearTimeout(this.#timer);
      this.#become({ ...record, state: 'sealed' });
      this.#release = prepareRelease(record.rootPid);
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
    const { armed, addresses } = this.#release ?? prepareRelease(record.rootPid);
    this.#release = undefined;
    await permitResets(record.rootPid, armed);
    const connections = await abortOutside(record.rootPid, await addresses);
    this.#become({ ...record, state: 'released' });
    return { connections };
  }

  /** The helper is about to end: what is frozen and not sealed goes on. */
  async end(): Promise<void> {
    this.#armedLock?.armed.disarm();
    this.#release?.armed.disarm();
    if (this.#record.state === 'frozen') await this.#thaw();
  }

  #expect(containerId: string): void {
    if (this.#record.state === 'idle') throw new HelperFailure('wrong-state', 'nothing is frozen');
    if (this.#record.containerId !== containerId) throw new HelperFailure('wrong-state', 'another container is frozen');
  }

  #become(record: SourceRecord): void {
    this.#record = record;
    saveSource(record);
  }

  #arm(ms: number, channel?: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#thawLate(channel), Math.max(0, ms));
  }

  async #thawLate(channel?: string): Promise<void> {
    if (this.#record.state !== 'frozen') return;
    // A transfer that is still under way has nobody to go to.
    if (this.#busy && channel !== undefined) this.#context.channels.drop(channel);
    await this.#thaw();
    this.#context.announce({ v: 1, event: 'thawed', reason: 'the deadline passed and nobody had sealed the source' });
  }

  /** A freeze failed midway. The timer of the record stays as the last resort when this fails too. */
  async #undo(): Promise<void> {
    const record = this.#record;
    if (record.state !== 'frozen') return;
    this.#arm(record.thawAt - Date.now());
    await this.#thaw().catch(() => {});
  }

  async #thaw(): Promise<void> {
    clearTimeout(this.#timer);
    // In the middle of a dump CRIU holds the tree; it lets go when it is done or refuses.
    await this.#dumping;
    const record = this.#record;
    if (record.state === 'idle' || record.state === 'thawed') return;
    if (readProcess(record.rootPid)?.startTime === record.startTime) {
      await unlockNetwork(record.rootPid);
      removeLinkRemaps(record.rootPid);
      continueTree(record.rootPid);
    }
    this.#release?.armed.disarm();
    this.#release = undefined;
    const { containerId, rootPid, startTime } = record;
    this.#become({ state: 'thawed', containerId, rootPid, startTime });
    rmSync(IMAGE_FILES, { recursive: true, force: true });
  }
}

/** What releasing connections needs, begun at the seal, so that the commit need not wait for it. */
interface Release {
  readonly armed: Armed;
  readonly addresses: Promise<string[]>;
}

function prepareRelease(pid: number): Release {
  const addresses = podAddresses(pid);
  // Awaited at the release; a thaw by hand leaves it behind.
  addresses.catch(() => {});
  return { armed: armNetwork(pid), addresses };
}

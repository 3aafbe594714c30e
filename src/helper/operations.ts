import { existsSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { PassThrough } from 'node:stream';
import { removeArchive } from './archive.ts';
import type { Channels } from './bulk/channels.ts';
import { FrameReader, FrameWriter } from './bulk/framing.ts';
import { IMAGE_FILES, warmUp } from './criu.ts';
import type { Handlers } from './dispatch.ts';
import { type HelperEvent, PROTOCOL_VERSION } from './envelope.ts';
import { HelperFailure } from './failure.ts';
import { FileSender } from './files/sender.ts';
import { probeContainer } from './probe/container.ts';
import { probeNode } from './probe/node.ts';
import { findRoot } from './processes.ts';
import type { HelperArgs, HelperResult } from './protocol.ts';
import { reach } from './reach.ts';
import { Restarts } from './restarts.ts';
import { Source } from './source.ts';
import { Target } from './target.ts';
import { timed, toTransfer } from './timing.ts';

/** What all operations share. */
export type OperationsContext = {
  channels: Channels;
  announce: (event: HelperEvent) => void;
  deadlineInMs: () => number;
};

/** The helper's operations and what happens at its start and end. */
export type Operations = {
  handlers: Handlers;
  recover(): Promise<void>;
  /** Whether something is stopped here that only this helper can let go on. */
  isKeeping(): boolean;
  end(): Promise<void>;
};

/** So often at most a transfer tells how far it is. */
const PROGRESS_MS = 200;

/** Puts the operations together. */
export function makeOperations(context: OperationsContext): Operations {
  const { channels, deadlineInMs } = context;
  const source = new Source(context);
  const target = new Target();
  const handlers: Handlers = {
    status: async () => ({
      version: 1,
      source: source.status(),
      target: target.status(),
      images: existsSync(path.join(IMAGE_FILES, '0')),
      channels: channels.names(),
      deadlineInMs: deadlineInMs(),
    }),
    'probe-node': () => probeNode(),
    probe: async ({ containers }) => {
      const looked = containers.map(({ id, volumes, inPlace }) => probeContainer(id, volumes, inPlace));
      const [node, facts] = await Promise.all([probeNode(), Promise.all(looked)]);
      return { node, containers: facts };
    },
    'await-channel': async ({ channel, timeoutMs }) => {
      await channels.connected(channel, timeoutMs);
      return {};
    },
    'close-channel': async ({ channel }) => {
      await channels.close(channel);
      return {};
    },
    reach: (args) => reach(args),
    precopy: (args) => source.precopy(args),
    'copy-memory': (args) => source.copyMemory(args),
    freeze: (args) => source.freeze(args),
    fence: (args) => source.fence(args),
    halt: (args) => source.halt(args),
    'remove-archive': async ({ archive }) => {
      removeArchive(archive);
      return {};
    },
    'take-up': (args) => source.takeUp(args),
    thaw: (args) => source.thaw(args),
    restarts: async ({ podLogs }) => ({ obstacle: new Restarts().obstacle(podLogs) }),
    seal: (args) => source.seal(args),
    'release-connections': (args) => source.release(args),
    receive: (args, id) => receive(context, target, args, id),
    'prepare-restore': (args) => target.prepare(args),
    restore: (args) => target.restore(args),
    'take-up-restored': (args) => target.takeUp(args),
    continue: (args) => target.continue(args),
    discard: (args) => target.discard(args),
    'carry-files': (args) => carryFiles(target, args),
  };
  return {
    handlers,
    async recover() {
      await source.recover();
      target.recover();
      void warmUp().catch(() => {});
    },
    isKeeping: () => source.isKept() || target.isKept(),
    async end() {
      await Promise.all([source.end(), target.end()]);
    },
  };
}

/** From containers of this node into others: what a bulk stream would carry, without one. */
async function carryFiles(
  target: Target,
  { from, containerIds }: HelperArgs<'carry-files'>,
): Promise<HelperResult<'carry-files'>> {
  const pipe = new PassThrough();
  const carried = timed(() => new FrameReader(pipe).transfer(target.sink('files', containerIds), () => {}));
  // Nobody writes into a pipe that nobody reads.
  carried.catch((error) => pipe.destroy(error));
  const members = from.map(({ id, volumes }) => ({ rootPid: findRoot(id), volumes }));
  const [{ value, ms }] = await Promise.all([carried, new FileSender().send(members, new FrameWriter(pipe))]);
  if (!value) throw new HelperFailure('transfer-broken', 'no file came through');
  return { transfer: toTransfer(value, ms), files: value.files };
}

async function receive(
  { channels, announce }: OperationsContext,
  target: Target,
  { channel, what, containerIds }: HelperArgs<'receive'>,
  id: string,
): Promise<HelperResult<'receive'>> {
  let told = Number.NEGATIVE_INFINITY;
  const progress = (bytes: number) => {
    const now = performance.now();
    if (now - told < PROGRESS_MS) return;
    told = now;
    announce({ v: PROTOCOL_VERSION, id, event: 'progress', bytes });
  };
  return channels.use(channel, async ({ reader }) => {
    const taken = timed(() => reader.transfer(target.sink(what, containerIds), progress));
    // Where the stream stands now nobody knows, and the sender must not wait for a reader that is gone.
    taken.catch(() => channels.drop(channel));
    const { value, ms } = await taken;
    if (!value) {
      channels.finish(channel);
      throw new HelperFailure('transfer-broken', 'the source closed the bulk stream');
    }
    return { transfer: toTransfer(value, ms), files: value.files };
  });
}

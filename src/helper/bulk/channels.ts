import type { Socket } from 'node:net';
import { HelperFailure } from '../failure.ts';
import { FrameReader, FrameWriter } from './framing.ts';

type Channel = { socket: Socket; writer: FrameWriter; reader: FrameReader; queue: Promise<unknown> };

/** The bulk streams that are connected to this helper, by name. */
export class Channels {
  readonly #open = new Map<string, Channel>();
  readonly #waiting = new Map<string, Set<() => void>>();

  /** A bulk program has connected. A second stream of the same name takes the place of the first. */
  add(name: string, socket: Socket): void {
    this.#open.get(name)?.socket.destroy();
    const channel = {
      socket,
      writer: new FrameWriter(socket),
      reader: new FrameReader(socket),
      queue: Promise.resolve(),
    };
    this.#open.set(name, channel);
    socket.on('error', () => {});
    socket.once('close', () => {
      if (this.#open.get(name) === channel) this.#open.delete(name);
    });
    for (const wake of this.#waiting.get(name) ?? []) wake();
    this.#waiting.delete(name);
  }

  names(): string[] {
    return [...this.#open.keys()];
  }

  /** Resolves when a stream of that name is connected; throws `deadline`. */
  async connected(name: string, timeoutMs: number): Promise<void> {
    if (this.#open.has(name)) return;
    const waiting = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, waiting);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(resolve);
        reject(new HelperFailure('deadline', `no bulk stream ${name} within ${timeoutMs} ms`));
      }, timeoutMs);
      waiting.add(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Runs `act` with the stream to itself: one transfer after the other, in the order asked for. */
  async use<T>(name: string, act: (channel: { writer: FrameWriter; reader: FrameReader }) => Promise<T>): Promise<T> {
    const channel = this.#open.get(name);
    if (!channel) throw new HelperFailure('transfer-broken', `no bulk stream ${name} is connected`);
    const turn = channel.queue.then(() => act(channel));
    channel.queue = turn.catch(() => {});
    return turn;
  }

  /** Ends a stream in order. Idempotent. */
  async close(name: string): Promise<void> {
    if (!this.#open.has(name)) return;
    await this.use(name, async ({ writer }) => writer.close());
    this.#open.get(name)?.socket.end();
  }

  /** Ends a stream at once: whatever is under way on it fails with `transfer-broken`. */
  drop(name: string): void {
    this.#open.get(name)?.socket.destroy();
  }

  /** The receiving end heard the other's {@link close}. */
  finish(name: string): void {
    this.#open.get(name)?.socket.end();
  }
}

import { allEnded } from '../../domain/all-ended.ts';
import { asMigrateError, isMigrateError, MigrateError } from '../../domain/errors.ts';
import { HELPER_CONTAINER } from '../../domain/names.ts';
import type { Plan } from '../../domain/plan.ts';
import { SIDES, type Side } from '../../domain/refs.ts';
import { bulkCommand } from '../../helper/pod-spec.ts';
import type { HelperArgs, HelperOp, HelperResult, Transfer } from '../../helper/protocol.ts';
import type { Pod } from '../../kube/objects.ts';
import type { ClusterReader, ExecStream, Gateway } from '../../kube/ports.ts';
import { RESOURCES } from '../../kube/resources.ts';
import { startRelay } from '../../transfer/relay.ts';
import type { Presence } from '../engine.ts';
import { HELPER_SIDES } from '../helper-sides.ts';
import { sameDigest } from './both-ends.ts';
import { helperPod, helperRef } from './helper-pod.ts';
import { type CallOptions, HelperSession } from './session.ts';
import { ensureRunning, isRunning, runsAgain, type WaitReport } from './start-pod.ts';
import { ensureNamespace } from './system-namespace.ts';

type Received = HelperResult<'receive'>;

/** The bulk channel of a migration, from source to target. */
export const CHANNEL = 'move';

export interface HelperPodsOptions {
  readonly plan: Plan;
  readonly source: ClusterReader;
  readonly target: ClusterReader;
  readonly gateway: Gateway;
}

/**
 * A privileged pod on each node where the plan has one, and what this process has to do with them: it starts and removes them,
 * speaks with them and carries bytes from one to the other. What is asked of them is up to the engine.
 */
export class HelperPods {
  readonly #options: HelperPodsOptions;
  readonly #sessions = new Map<Side, HelperSession>();
  /** What kept `attach` from a helper. */
  readonly #refusals = new Map<Side, unknown>();
  #expected: { received: Promise<[Received, Received]>; sent: [Transfer, Transfer] | undefined } | undefined;
  readonly #streams: ExecStream[] = [];

  constructor(options: HelperPodsOptions) {
    this.#options = options;
  }

  /**
   * Creates the helper pods, with their namespace where it is missing, and opens a session with each. One that the engine
   * can do without and that does not come up is taken away again, and `missing` is told why.
   */
  async start(report: WaitReport, missing: (side: Side, why: MigrateError) => void = () => undefined): Promise<void> {
    await Promise.all(
      this.#options.plan.helper.sides.map(async (side) => {
        try {
          await this.#start(side, report);
        } catch (error) {
          if (this.#needed.includes(side) || report.signal.aborted || !isMigrateError(error)) throw error;
          this.#sessions.get(side)?.close();
          this.#sessions.delete(side);
          await this.#remove(side, report);
          missing(side, error);
        }
      }),
    );
  }

  /** Opens a session with each helper that still runs. Idempotent; never throws: what kept it from one, `call` tells. */
  async attach(signal: AbortSignal): Promise<void> {
    await Promise.all(
      this.#options.plan.helper.sides.map(async (side) => {
        this.#refusals.delete(side);
        try {
          if (!this.has(side) && isRunning(await this.#find(side, signal))) await this.#attach(side);
        } catch (error) {
          this.#refusals.set(side, error);
        }
      }),
    );
  }

  /**
   * How many of the helper pods are there; all of them are where none of those is missing that the engine cannot do
   * without. A cluster that cannot be asked counts as one that may have its own.
   */
  async present(signal: AbortSignal): Promise<Presence> {
    const found = await Promise.all(
      this.#options.plan.helper.sides
        .map(async (side) => (await this.#find(side, signal)) && side)
        .map((asked) => asked.catch(() => 'unknown' as const)),
    );
    if (found.every((side) => side === undefined)) return 'absent';
    return this.#needed.every((side) => found.includes(side)) && !found.includes('unknown') ? 'done' : 'partial';
  }

  /**
   * A helper that can be asked, whatever has become of the one of that side. One that runs, or will again, is never removed,
   * for the only image may be in it: where it cannot be attached to, throws what that says, and F320 where it does not run.
   */
  async replace(side: Side, report: WaitReport): Promise<void> {
    this.#sessions.get(side)?.close();
    this.#sessions.delete(side);
    const { plan } = this.#options;
    const ref = helperRef(plan, side);
    if (await runsAgain(this.#options[side], ref, plan.deadlines.helperTimeout, report)) return this.#attach(side);
    await this.#remove(side, report);
    await this.#start(side, report);
  }

  #find(side: Side, signal: AbortSignal): Promise<Pod | undefined> {
    const { name, namespace } = helperRef(this.#options.plan, side);
    return this.#options[side].get<Pod>(RESOURCES.pod, name, { namespace, signal });
  }

  get #needed(): readonly Side[] {
    return HELPER_SIDES[this.#options.plan.engine.name].needed;
  }

  async #attach(side: Side): Promise<void> {
    const session = new HelperSession(side, (command) => this.exec(side, command));
    await session.attach();
    this.#refusals.delete(side);
    this.#sessions.set(side, session);
  }

  async #start(side: Side, report: WaitReport): Promise<void> {
    const { plan, gateway } = this.#options;
    await ensureNamespace(gateway, plan, side, report.signal);
    await gateway.create(side, RESOURCES.pod, helperPod(plan, side), { signal: report.signal });
    await ensureRunning(this.#options[side], helperRef(plan, side), plan.deadlines.helperTimeout, report);
    await this.#attach(side);
  }

  /** Asks one helper for an operation. Throws F331, F332, F340, F341, F342. */
  call<O extends HelperOp>(
    side: Side,
    op: O,
    args: HelperArgs<O>,
    options: CallOptions = {},
  ): Promise<HelperResult<O>> {
    const session = this.#sessions.get(side);
    if (!session) return Promise.reject(this.#nobody(side));
    return session.call(op, args, options);
  }

  /** True while there is somebody to ask: false before `start` and after a failed start. */
  has(side: Side): boolean {
    return this.#sessions.has(side);
  }

  /** Opens a bulk channel from one helper to the other through this process; both are ready to use it. */
  async openChannel(
    { channel, from, to }: { readonly channel: string; readonly from: Side; readonly to: Side },
    signal: AbortSignal,
    onBytes: (bytes: number, bytesPerSecond: number) => void,
  ): Promise<void> {
    const [sender, receiver] = await Promise.all([
      this.exec(from, bulkCommand(channel)),
      this.exec(to, bulkCommand(channel)),
    ]);
    const relay = startRelay(sender, receiver, {
      onProgress: ({ bytes, bytesPerSecond }) => onBytes(bytes, bytesPerSecond),
    });
    // What breaks the channel also breaks the transfer on it, which is where it is reported.
    relay.done.catch(() => undefined);
    this.#streams.push(sender, receiver);
    const timeoutMs = this.#options.plan.deadlines.helperTimeout;
    await Promise.all(SIDES.map((side) => this.call(side, 'await-channel', { channel, timeoutMs }, { signal })));
  }

  /** Lets the target helper take what a freeze sends: the images, then the files that changed since the copy. */
  expectImages(containerIds: string[], signal: AbortSignal): void {
    const receive = (what: 'images' | 'files') =>
      this.call('target', 'receive', { channel: CHANNEL, what, containerIds }, { signal });
    const received = Promise.all([receive('images'), receive('files')]);
    // Awaited by imagesArrived; a freeze that fails leaves it behind.
    received.catch(() => undefined);
    this.#expected = { received, sent: undefined };
  }

  /** What the source says it sent. */
  sentImages({ images, delta }: HelperResult<'freeze'>): void {
    if (this.#expected) this.#expected.sent = [images, delta];
  }

  /** Waits for the end of what `expectImages` began; yields the bytes. Throws F342 when the ends disagree. */
  async imagesArrived(): Promise<number> {
    const { received, sent } = this.#expected ?? {};
    if (!received || !sent) throw new Error('nothing was sent');
    const arrived = await received;
    sameDigest('images', sent[0], arrived[0].transfer);
    sameDigest('changed files', sent[1], arrived[1].transfer);
    return sent[0].bytes + sent[1].bytes;
  }

  /** Ends streams and sessions; the pods stay. Idempotent. */
  close(): void {
    for (const stream of this.#streams.splice(0)) stream.close();
    for (const session of this.#sessions.values()) session.close();
    this.#sessions.clear();
  }

  /**
   * Removes the helper pods and waits until they are gone. Idempotent; a helper that has to thaw its source does so
   * before it ends.
   */
  async remove(report: WaitReport): Promise<void> {
    this.close();
    // A cluster that cannot be asked keeps no other one's helper.
    await allEnded(this.#options.plan.helper.sides.map((side) => this.#remove(side, report)));
  }

  async #remove(side: Side, report: WaitReport): Promise<void> {
    const { plan, gateway } = this.#options;
    const ref = helperRef(plan, side);
    const cluster = this.#options[side];
    this.#refusals.delete(side);
    // The source's has its own grace period: it may be in the middle of a dump, which it has to undo before it ends.
    const grace = side === 'target' ? { gracePeriodSeconds: 1 } : {};
    await gateway.delete(ref, { signal: report.signal, ...grace });
    await cluster.waitFor(
      RESOURCES.pod,
      ref,
      (pod) => (pod ? { done: false, why: 'kubelet is still ending it' } : { done: true }),
      {
        name: `helper pod ${ref.namespace}/${ref.name} in ${cluster.context} to be gone`,
        deadlineMs: plan.deadlines.removeTimeout,
        flag: '--remove-timeout',
        ...report,
      },
    );
  }

  #nobody(side: Side): MigrateError {
    const { namespace, name } = helperRef(this.#options.plan, side);
    const { context, node } = this.#options.plan[side];
    const refusal = this.#refusals.get(side);
    const why = refusal === undefined ? 'it does not run' : asMigrateError(refusal).detail;
    return new MigrateError('F331', {
      detail: `the ${side} helper, pod ${namespace}/${name} of ${context}, cannot be asked: ${why}`,
      remedy: `look at node ${node} of ${context}: what runs there, only somebody on it can tell`,
      ...(refusal !== undefined && { cause: refusal }),
    });
  }

  /** Starts a command in a helper pod. */
  exec(side: Side, command: readonly string[]): Promise<ExecStream> {
    const { plan, gateway } = this.#options;
    const { namespace, name } = helperRef(plan, side);
    return gateway.exec(side, { namespace, pod: name, container: HELPER_CONTAINER, command });
  }
}

import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import { MigrateError } from '../domain/errors.ts';
import type { ExecStream } from '../kube/ports.ts';

export interface RelayProgress {
  /** Bytes passed since the relay began. */
  readonly bytes: number;
  /** Over the last report's span; pauses of more than a second are left out. */
  readonly bytesPerSecond: number;
}

export interface RelayOptions {
  /** Called at most ten times a second, and once at the end. */
  readonly onProgress?: (progress: RelayProgress) => void;
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number;
}

interface RelayResult {
  readonly bytes: number;
  /** Of everything that passed, in hexadecimal. */
  readonly sha256: string;
}

export interface Relay {
  /** Bytes passed so far. */
  bytes(): number;
  /**
   * Resolves when the sender has ended, everything was handed to the receiver, and both commands ended with 0.
   * Rejects with F332 when one of them ended with anything else, F331 when a connection was lost; both streams are
   * closed then.
   */
  readonly done: Promise<RelayResult>;
}

const REPORT_MS = 100;
const IDLE_MS = 1000;

/**
 * Passes what one command writes to the standard input of another, through this process. Any number of transfers may
 * follow each other: bytes are passed as they come, none is held back, none is looked at. Memory stays constant: a
 * receiver that is behind stops the sender. The sender's end of output ends the receiver's input.
 */
export function startRelay(sender: ExecStream, receiver: ExecStream, options: RelayOptions = {}): Relay {
  const meter = createMeter(options);
  const failures: unknown[] = [];
  /** Those that were there before this process closed both ends; what comes after that is its own doing. */
  let told: readonly unknown[] | undefined;
  const note = async (part: Promise<unknown>): Promise<void> => {
    try {
      await part;
    } catch (error) {
      failures.push(error);
      // A broken pipe is mostly the shadow of what happened to one end, which is about to tell its own story.
      await setImmediate();
      told ??= [...failures];
      sender.close();
      receiver.close();
    }
  };
  const run = async (): Promise<RelayResult> => {
    await Promise.all([
      note(endOf(sender, 'sending')),
      note(endOf(receiver, 'receiving')),
      note(pipeline(sender.stdout, meter.stream, receiver.stdin)),
    ]);
    if (failures.length > 0) throw asRelayFailure(told ?? failures);
    return meter.result();
  };
  const done = run();
  // A caller that only looks at the helpers' own replies must not be ended by this one.
  done.catch(() => undefined);
  return { bytes: meter.bytes, done };
}

async function endOf(stream: ExecStream, role: string): Promise<void> {
  const code = await stream.exit;
  if (code === 0) return;
  throw new MigrateError('F332', {
    detail: `the ${role} end of the relay ended with ${code}: ${stream.stderr().trim().slice(-1000) || 'it says no more'}`,
    remedy: 'look at the helper pods: kubectl logs -n kubectl-migrate',
  });
}

/** What an end says of itself counts more than a broken pipe; of those, the first. */
function asRelayFailure(failures: readonly unknown[]): unknown {
  const told = failures.find((failure) => failure instanceof MigrateError);
  if (told !== undefined) return told;
  const first = failures[0];
  return new MigrateError('F331', {
    detail: `the relay broke: ${first instanceof Error ? first.message : String(first)}`,
    remedy: 'check the network to both API servers',
    cause: first,
  });
}

interface Meter {
  readonly stream: Transform;
  bytes(): number;
  result(): RelayResult;
}

function createMeter(options: RelayOptions): Meter {
  const now = options.now ?? (() => performance.now());
  const hash = createHash('sha256');
  let bytes = 0;
  let window = { start: now(), bytes: 0, last: now() };
  const report = (time: number): void => {
    const span = Math.max(1, time - window.start);
    options.onProgress?.({ bytes, bytesPerSecond: Math.round(((bytes - window.bytes) * 1000) / span) });
    window = { start: time, bytes, last: time };
  };
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, pass) {
      const time = now();
      if (time - window.last > IDLE_MS) window = { start: time, bytes, last: time };
      window.last = time;
      hash.update(chunk);
      bytes += chunk.length;
      if (time - window.start >= REPORT_MS) report(time);
      pass(null, chunk);
    },
    flush(done) {
      report(now());
      done();
    },
  });
  return { stream, bytes: () => bytes, result: () => ({ bytes, sha256: hash.digest('hex') }) };
}

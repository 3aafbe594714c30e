import { randomUUID } from 'node:crypto';
import { type FailureCode, failureCode, MigrateError } from '../../domain/errors.ts';
import type { Side } from '../../domain/refs.ts';
import { ATTACH_COMMAND } from '../../helper/pod-spec.ts';
import {
  type HelperArgs,
  type HelperErrorBody,
  type HelperMessage,
  type HelperOp,
  type HelperResult,
  helperOps,
  MAX_LINE_BYTES,
  messageSchema,
  misfit,
  PROTOCOL_VERSION,
} from '../../helper/protocol.ts';
import type { ExecStream } from '../../kube/ports.ts';

/** How often a lost stream is attached anew before the session gives up. */
const REATTACH_LIMIT = 5;

const OTHER_IMAGE = 'use the helper image of this version (--helper-image)';

interface Pending {
  readonly line: string;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onProgress: ((bytes: number) => void) | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Bytes of the transfer that belongs to the request so far. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * The conversation with one helper pod: requests and replies as NDJSON over one exec stream. A lost stream is attached
 * anew and unanswered requests are sent again under their ids, so the helper does nothing twice.
 */
export class HelperSession {
  readonly #side: Side;
  readonly #open: (command: readonly string[]) => Promise<ExecStream>;
  readonly #pending = new Map<string, Pending>();
  #stream: ExecStream | undefined;
  #serial = 0;
  /** Ids of another process of ours, before or after this one, must not be taken for these. */
  readonly #prefix = randomUUID().slice(0, 8);
  #reattached = 0;
  #closed = false;
  /** Set when the stream is lost and nobody attaches it anew; the next call does. */
  #down = false;
  #reviving: Promise<void> | undefined;

  /** @param open opens an exec stream into the helper pod */
  constructor(side: Side, open: (command: readonly string[]) => Promise<ExecStream>) {
    this.#side = side;
    this.#open = open;
  }

  /** Opens the stream. Throws F331 or what the API server says. */
  async attach(): Promise<void> {
    const stream = await this.#open(ATTACH_COMMAND);
    if (this.#closed) {
      stream.close();
      throw this.#lost('the session was closed');
    }
    this.#stream = stream;
    this.#down = false;
    this.#read(stream);
    for (const { line } of this.#pending.values()) stream.stdin.write(line);
  }

  /**
   * Asks for one operation and waits for its result. Throws F332, F340, F341 with the helper's own words, F331 when the
   * stream cannot be kept. An aborted call leaves the operation running in the helper.
   */
  async call<O extends HelperOp>(op: O, args: HelperArgs<O>, options: CallOptions = {}): Promise<HelperResult<O>> {
    options.signal?.throwIfAborted();
    if (this.#closed) throw this.#lost('the session was closed');
    const id = `${this.#prefix}-${++this.#serial}`;
    const line = `${JSON.stringify({ v: PROTOCOL_VERSION, id, op, args })}\n`;
    const reply = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { line, resolve, reject, onProgress: options.onProgress });
      options.signal?.addEventListener('abort', () => reject(options.signal?.reason), { once: true });
    });
    // Awaited below; until then nobody may be surprised by it.
    reply.catch(() => undefined);
    try {
      if (this.#down) await this.#revive();
      else this.#stream?.stdin.write(line);
      const result = helperOps[op].result.safeParse(await reply);
      if (!result.success) throw this.#garbled(`its reply to ${op} has another shape (${misfit(result.error)})`);
      return result.data as HelperResult<O>;
    } finally {
      this.#pending.delete(id);
    }
  }

  /** Ends the conversation; the helper goes on running. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#stream?.close();
    this.#failAll(this.#lost('the session was closed'));
  }

  /** One more try for calls that come after the session was given up: a source must not stay frozen for a blip. */
  #revive(): Promise<void> {
    this.#reviving ??= this.attach().finally(() => {
      this.#reviving = undefined;
    });
    return this.#reviving;
  }

  #read(stream: ExecStream): void {
    let rest = '';
    stream.stdout.setEncoding('utf8');
    stream.stdout.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE_BYTES) stream.close();
      for (const line of lines) this.#take(line);
    });
    stream.exit.then(
      (code) => this.#lostStream(stream, `attach ended with ${code}: ${stream.stderr()}`),
      (error: unknown) => this.#lostStream(stream, error instanceof MigrateError ? error.detail : String(error)),
    );
  }

  #take(line: string): void {
    const message = parseMessage(line);
    if (!message) {
      this.#failAll(this.#garbled(`not a message: ${line.slice(0, 200)}`));
      return;
    }
    if ('event' in message) {
      if (message.event === 'progress') this.#pending.get(message.id)?.onProgress?.(message.bytes);
      return;
    }
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    if (message.ok) pending.resolve(message.result);
    else pending.reject(helperFailure(this.#side, message.error));
  }

  #lostStream(stream: ExecStream, why: string): void {
    if (this.#closed || stream !== this.#stream) return;
    if (++this.#reattached > REATTACH_LIMIT) {
      this.#down = true;
      this.#failAll(this.#lost(why));
      return;
    }
    this.attach().catch((error: unknown) => {
      this.#down = true;
      this.#failAll(failureCode(error) === undefined ? this.#lost(`${why}; ${String(error)}`) : error);
    });
  }

  #failAll(error: unknown): void {
    for (const { reject } of this.#pending.values()) reject(error);
  }

  #lost(why: string): MigrateError {
    return new MigrateError('F331', {
      detail: `the stream to the ${this.#side} helper ended: ${why}`,
      remedy:
        'look at the helper pod in namespace kubectl-migrate and at the connection to the API server, then try again',
    });
  }

  #garbled(why: string): MigrateError {
    return new MigrateError('F332', {
      detail: `the ${this.#side} helper is of another version than this program: ${why}`,
      remedy: OTHER_IMAGE,
    });
  }
}

function parseMessage(line: string): HelperMessage | undefined {
  try {
    return messageSchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

/** Codes of the helper that mean more to the user than that it failed. */
const MEANINGS: Partial<Record<HelperErrorBody['code'], { code: FailureCode; remedy?: string }>> = {
  'criu-refused-dump': { code: 'F340' },
  'criu-refused-restore': { code: 'F341' },
  'transfer-broken': { code: 'F342' },
  'container-not-found': { code: 'F344', remedy: 'look at the pod, then try again' },
  'already-thawed': { code: 'F320', remedy: 'allow a longer freeze with --max-freeze, then try again' },
  // Requests are checked before they are sent: a helper that takes none of them is of another version.
  'bad-request': { code: 'F332', remedy: OTHER_IMAGE },
  'no-space': { code: 'F332', remedy: 'make room on the node, or choose another with --to-node' },
};

function helperFailure(side: Side, error: HelperErrorBody): MigrateError {
  const { code, remedy } = MEANINGS[error.code] ?? { code: 'F332' };
  return new MigrateError(code, {
    detail: [`${error.summary} (${side} helper, ${error.code})`, error.detail].filter(Boolean).join('\n'),
    remedy: remedy ?? 'mend what is named above, then try again',
  });
}

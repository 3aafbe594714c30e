import { unlessAborted } from '../../src/domain/unless-aborted.ts';
import { ApiFailure, type ApiRequest } from '../../src/kube/api-client.ts';

/** How a call goes wrong. */
export type Fault =
  /** The connection is refused: nothing happens. */
  | { readonly kind: 'refused' }
  /** The server answers with a status: nothing happens. */
  | { readonly kind: 'status'; readonly code: number; readonly reason?: string; readonly retryAfterSeconds?: number }
  /** It happens, and the answer is lost. */
  | { readonly kind: 'answer-lost' }
  /** Nothing happens and no answer comes: the request times out. */
  | { readonly kind: 'silence' }
  /** It happens, after a while, whether or not anybody still waits for it. */
  | { readonly kind: 'slow'; readonly ms: number };

export interface FaultRule {
  /** Which calls are meant. */
  readonly when: (request: ApiRequest) => boolean;
  readonly fault: Fault;
  /** The first of the matching calls that goes wrong, from 1. */
  readonly from?: number;
  /** How many of them go wrong. */
  readonly times?: number;
}

/** Faults to come, in the order in which they were set. */
export class Faults {
  #rules: { readonly rule: FaultRule; seen: number }[] = [];

  add(rule: FaultRule): void {
    this.#rules.push({ rule, seen: 0 });
  }

  clear(): void {
    this.#rules = [];
  }

  /** Carries out a call with the fault that is due for it, if any. */
  async run<T>(request: ApiRequest, timeoutMs: number, act: () => Promise<T>): Promise<T> {
    const fault = this.#due(request);
    switch (fault?.kind) {
      case undefined:
        return await act();
      case 'refused':
        throw new ApiFailure({ kind: 'transport', code: 'ECONNREFUSED', message: 'refused', sent: false });
      case 'status': {
        const { code, reason = '', retryAfterSeconds } = fault;
        const after = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
        throw new ApiFailure({ kind: 'status', status: { code, reason, message: `injected ${code}`, ...after } });
      }
      case 'answer-lost':
        await act();
        throw new ApiFailure({ kind: 'transport', code: 'ECONNRESET', message: 'socket hang up', sent: true });
      case 'silence':
        throw new ApiFailure({ kind: 'timeout', ms: timeoutMs, sent: true });
      case 'slow':
        return await waitedFor(request, passed(fault.ms).then(act));
    }
  }

  #due(request: ApiRequest): Fault | undefined {
    for (const entry of this.#rules) {
      if (!entry.rule.when(request)) continue;
      entry.seen += 1;
      const from = entry.rule.from ?? 1;
      if (entry.seen >= from && entry.seen < from + (entry.rule.times ?? 1)) return entry.rule.fault;
    }
    return undefined;
  }
}

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms).unref());
}

/** How long somebody waits for what they asked for. */
export interface Asked {
  readonly signal?: AbortSignal | undefined;
  readonly lingerMs?: number;
}

/** Whoever asked for what is under way waits for it as long as they said. */
export async function waitedFor<T>({ signal, lingerMs }: Asked, underWay: Promise<T>): Promise<T> {
  if (lingerMs === undefined) return await unlessAborted(signal, underWay);
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const linger = () => {
    timer = setTimeout(() => late.abort(new ApiFailure({ kind: 'timeout', ms: lingerMs, sent: true })), lingerMs);
  };
  signal?.addEventListener('abort', linger, { once: true });
  try {
    return await unlessAborted(late.signal, underWay);
  } finally {
    signal?.removeEventListener('abort', linger);
    clearTimeout(timer);
  }
}

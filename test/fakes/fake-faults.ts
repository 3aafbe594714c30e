import { setTimeout as delay } from 'node:timers/promises';
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
  /** It happens, after a while of real time. */
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
        throw new ApiFailure({ kind: 'timeout', ms: timeoutMs });
      case 'slow':
        await delay(fault.ms, undefined, request.signal === undefined ? {} : { signal: request.signal });
        return await act();
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

import { expect } from 'vitest';
import type { Context, Kubectl } from './kubectl.ts';

/** What every HTTP counter of the lab answers. */
export interface Counter {
  readonly count: number;
  /** By the program's monotonic clock. */
  readonly uptimeMs: number;
  readonly pid: number;
  readonly startedAt?: string;
}

/** Asks a counter in a pod, which counts this request. */
export function ask<T extends object = Counter>(
  kubectl: Kubectl,
  context: Context,
  namespace: string,
  pod: string,
): Promise<T> {
  return kubectl.http<T>(context, namespace, pod, 8080);
}

/** The second answer comes from the same process as the first: memory, clock and pid went on, nothing started anew. */
export function expectSameProcess(before: Counter, after: Counter): void {
  expect(after.count).toBe(before.count + 1);
  expect(after.pid).toBe(before.pid);
  expect(after.startedAt).toBe(before.startedAt);
  expect(after.uptimeMs).toBeGreaterThan(before.uptimeMs);
  // A clock that jumped by the difference of two machines' uptimes would be off by far more than a move takes.
  expect(after.uptimeMs - before.uptimeMs).toBeLessThan(120_000);
}

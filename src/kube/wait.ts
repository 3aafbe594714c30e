import type { Clock } from '../domain/clock.ts';
import { isMigrateError, MigrateError } from '../domain/errors.ts';
import { type ApiClient, ApiFailure, resourcePath } from './api-client.ts';
import { toMigrateError } from './errors.ts';
import type { KubeObject } from './objects.ts';
import type { Resource, Verdict, WaitOptions } from './ports.ts';
import { asObject, listPage } from './read.ts';
import { isRetryable } from './retry.ts';

/** A watch is opened anew this often, so that a connection that died without a word costs no more than this. */
const ROUND_MS = 30_000;
/** Pause after a failed look. */
const PAUSE_MS = 500;

interface Wait<T extends KubeObject> {
  readonly api: ApiClient;
  readonly clock: Clock;
  readonly resource: Resource;
  readonly ref: { readonly namespace?: string; readonly name: string };
  readonly check: (object: T | undefined) => Verdict;
  readonly options: WaitOptions;
}

type Look<T> = { readonly done: true; readonly object: T | undefined } | { readonly done: false };

/**
 * Waits by list and watch, in rounds: each begins with a look (list) and goes on with a watch from there. Rounds end at
 * half the deadline, where the last reason is reported again, and at its end, after which there is one more look.
 * An API server that cannot be reached is a reason to go on waiting; a refusal is not.
 */
export async function waitForObject<T extends KubeObject>(wait: Wait<T>): Promise<T | undefined> {
  const { clock, options } = wait;
  const start = clock.now();
  const half = start + options.deadlineMs / 2;
  const end = start + options.deadlineMs;
  const progress = createProgress(options);
  for (;;) {
    const now = clock.now();
    const boundary = Math.min(now + ROUND_MS, now < half ? half : end);
    try {
      const look = await lookOnce(wait, progress.say, boundary);
      if (look.done) return look.object;
    } catch (error) {
      if (options.signal?.aborted || !isPassing(error)) throw error;
      progress.say(sentence(error, wait));
      if (clock.now() < end) await clock.sleep(Math.min(PAUSE_MS, end - clock.now()), options.signal);
    }
    if (now >= end) throw outOfTime(options, progress.last());
    if (now < half && clock.now() >= half) progress.repeat();
  }
}

/** One list and, while time is left before `boundary`, one watch. */
async function lookOnce<T extends KubeObject>(
  wait: Wait<T>,
  say: (why: string) => void,
  boundary: number,
): Promise<Look<T>> {
  const { api, clock, resource, ref, check, options } = wait;
  const judge = (object: T | undefined): Look<T> => {
    const verdict = check(object);
    if (verdict.done) return { done: true, object };
    say(verdict.why);
    return { done: false };
  };
  const selection = {
    ...(ref.namespace === undefined ? {} : { namespace: ref.namespace }),
    fieldSelector: `metadata.name=${ref.name}`,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  const page = await listPage<T>(api, resource, selection, {});
  const first = judge(page.items[0]);
  const roundMs = boundary - clock.now();
  if (first.done || roundMs <= 0) return first;
  return await watchRound(wait, judge, page.resourceVersion, roundMs);
}

async function watchRound<T extends KubeObject>(
  wait: Wait<T>,
  judge: (object: T | undefined) => Look<T>,
  resourceVersion: string,
  roundMs: number,
): Promise<Look<T>> {
  const { api, clock, resource, ref, options } = wait;
  const round = new AbortController();
  const over = new AbortController();
  const timer = clock.sleep(roundMs, over.signal).then(
    () => round.abort(),
    () => undefined,
  );
  const signal = options.signal === undefined ? round.signal : AbortSignal.any([options.signal, round.signal]);
  const query = {
    watch: 'true',
    allowWatchBookmarks: 'true',
    fieldSelector: `metadata.name=${ref.name}`,
    resourceVersion,
    timeoutSeconds: String(Math.ceil(roundMs / 1000)),
  };
  const path = resourcePath(resource, ref.namespace);
  try {
    for await (const event of api.watch({ method: 'GET', path, query, signal, timeoutMs: roundMs + 5_000 })) {
      // An ERROR is mostly 410 Gone: the version is too old, and the next round lists anew.
      if (event.type === 'ERROR') return { done: false };
      if (event.type === 'BOOKMARK') continue;
      const look = judge(event.type === 'DELETED' ? undefined : asObject<T>(event.object, resource));
      if (look.done) return look;
    }
    return { done: false };
  } catch (error) {
    if (round.signal.aborted && !options.signal?.aborted && !isMigrateError(error)) return { done: false };
    if (error instanceof ApiFailure && error.info.kind === 'status' && error.info.status.code === 410) {
      return { done: false };
    }
    throw error;
  } finally {
    over.abort();
    await timer;
  }
}

/** Failures that may be over before the wait is. */
function isPassing(error: unknown): boolean {
  return isRetryable(error, true) || (error instanceof ApiFailure && error.info.kind === 'timeout');
}

function sentence<T extends KubeObject>(error: unknown, wait: Wait<T>): string {
  const { context, server, requestTimeoutMs } = wait.api;
  const named = toMigrateError(error, {
    verb: 'watch',
    resource: wait.resource.plural,
    object: wait.ref.name,
    context,
    server,
    timeoutMs: requestTimeoutMs,
  });
  return isMigrateError(named) ? named.detail : String(error);
}

function outOfTime(options: WaitOptions, why: string): MigrateError {
  return new MigrateError('F320', {
    detail: `waited ${options.deadlineMs / 1000} s for ${options.name}: ${why}`,
    remedy: `give it longer with ${options.flag}, or remove the reason`,
  });
}

/** Reports a reason when it changes, and again when asked to. */
function createProgress(options: WaitOptions): { say(why: string): void; repeat(): void; last(): string } {
  let last = '';
  return {
    say: (why) => {
      if (why === last) return;
      last = why;
      options.onProgress?.(why);
    },
    repeat: () => options.onProgress?.(last),
    last: () => last || 'it was never seen',
  };
}

import { spawnSync } from 'node:child_process';
import { z } from 'zod';
import { HelperFailure } from '../failure.ts';
import { readProcess } from '../processes.ts';
import type { CriuImages, Named } from './criu-image.ts';

/** native/filters.c: the seccomp filters of a process. */
const FILTERS = '/usr/bin/filters';
/** SECCOMP_MODE_FILTER of CRIU's enum seccomp_mode. */
const FILTERED = 2;
/** SECCOMP_FILTER_FLAG_TSYNC: the filter holds for all threads, and CRIU leaves it out of theirs (criu/seccomp.c). */
const TSYNC = 1;
/** That one, and SECCOMP_FILTER_FLAG_LOG and SECCOMP_FILTER_FLAG_SPEC_ALLOW: those that change nothing of who is filtered. */
const KNOWN_FLAGS = 7;

const filters = z.looseObject({
  seccomp_filters: z
    .array(
      z.looseObject({
        filter: z.instanceof(Uint8Array),
        prev: z.int().nonnegative().optional(),
        flags: z.int().default(0),
      }),
    )
    .default([]),
});

/** A filter of an image: its instructions, and which one was installed after it, as a place in the list. */
export type Filter = z.infer<typeof filters>['seccomp_filters'][number];

/** What of an image's task says how its system calls are filtered. */
export interface Restricted {
  readonly seccomp_mode: number;
  /** The place of its first filter in the list of all. */
  readonly seccomp_filter: number;
}

const known = new Map<string, Buffer[]>();

/**
 * The filters of a process that takes no more of them, the first one first. Reads them once: ask ahead of a restore, for that
 * stops the process for a moment and takes some milliseconds. Throws `not-movable` when the kernel does not show them.
 */
export function filtersOf(pid: number): Buffer[] {
  const key = `${pid} since ${readProcess(pid)?.startTime}`;
  const filters = known.get(key) ?? readFilters(pid);
  known.set(key, filters);
  return filters;
}

function readFilters(pid: number): Buffer[] {
  const { status, stdout, stderr, error } = spawnSync(FILTERS, [String(pid)], { maxBuffer: 64 * 2 ** 20 });
  const found = status === 0 ? parseFilters(stdout) : [];
  if (found.length > 0) return found;
  const why = error?.message ?? stderr.toString();
  throw new HelperFailure('not-movable', 'the seccomp filters of the target container cannot be read', why);
}

/** Reads what native/filters.c writes. Throws for a filter that was cut short. Pure. */
export function parseFilters(data: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < data.length; ) {
    const end = at + 4 + data.readUInt32LE(at);
    if (end > data.length) throw new RangeError(`a filter that ends at ${end} of ${data.length} bytes`);
    found.push(data.subarray(at + 4, end));
    at = end;
  }
  return found;
}

/** The filters of an image of filters. Throws `not-movable` for what is none. Pure. */
export function filtersIn(images: CriuImages, { name, data }: Named): Filter[] {
  return images.entries(name, data, 'seccomp_entry', filters).flatMap(({ seccomp_filters }) => seccomp_filters);
}

/** The places of a task's filters, the first one first; none where it has none, or where they lead astray. Pure. */
function placesOf({ seccomp_mode, seccomp_filter }: Restricted, all: readonly Filter[]): number[] {
  const places: number[] = [];
  if (seccomp_mode !== FILTERED) return places;
  for (let at: number | undefined = seccomp_filter; at !== undefined; at = all[at]?.prev) {
    if (all[at] === undefined || places.length >= all.length) return [];
    places.push(at);
  }
  return places;
}

/**
 * Whether a filter of the task's would hold for other threads of its process that are filtered, too: the kernel sets none
 * then, and CRIU does not see it (criu/pie/restorer.c, restore_seccomp_filter). Or whether it has flags that CRIU never
 * notes, of which one makes a listener in its place. Pure.
 */
export function isAstray(task: Restricted, all: readonly Filter[], others: readonly Restricted[]): boolean {
  const flags = placesOf(task, all).reduce((found, at) => found | (all[at]?.flags ?? 0), 0);
  const alone = others.every(({ seccomp_mode }) => seccomp_mode === 0);
  return (flags & ~KNOWN_FLAGS) !== 0 || ((flags & TSYNC) !== 0 && !alone);
}

/**
 * Whether the task's first filters are as many as `count`, and those of `own` where they are given: then whatever follows
 * can only take more away. `forThreads`: they hold for the other threads of the task, too. Pure.
 */
export function hasFilters(
  task: Restricted,
  all: readonly Filter[],
  { count, own = [], forThreads = false }: { count: number; own?: readonly Buffer[]; forThreads?: boolean },
): boolean {
  const first = placesOf(task, all).slice(0, Math.max(count, own.length, 1));
  return (
    first.length === Math.max(count, own.length, 1) &&
    own.every((filter, index) => filter.equals(all[first[index] ?? 0]?.filter ?? Buffer.alloc(0))) &&
    (!forThreads || first.every((at) => ((all[at]?.flags ?? 0) & TSYNC) !== 0))
  );
}

/**
 * The image of filters in which the first ones of every task are `own`, and all that the program installed itself stays; the
 * very one where they are so already. The runtime of the source may have made others of the same profile. Pure.
 */
export function withFilters(
  images: CriuImages,
  { name, data }: Named,
  tasks: readonly Restricted[],
  own: readonly Buffer[],
): Buffer {
  const all = filtersIn(images, { name, data });
  const first = tasks.flatMap((task) =>
    placesOf(task, all)
      .slice(0, own.length)
      .map((at, index) => ({ at, index })),
  );
  return images.rewritten<{ seccomp_filters: { filter: Uint8Array }[] }>(name, data, 'seccomp_entry', (entry) => {
    let changed = false;
    for (const { at, index } of first) {
      const [filter, place] = [own[index], entry.seccomp_filters[at]];
      if (!filter || !place || filter.equals(place.filter)) continue;
      place.filter = filter;
      changed = true;
    }
    return changed;
  });
}

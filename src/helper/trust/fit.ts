import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Capability, capabilitySet } from '../capabilities.ts';
import { CAPABILITY_SETS, type Core } from './core-entry.ts';
import { unlimited } from './credentials.ts';
import type { CriuImages, Named } from './criu-image.ts';
import { filtersOf, withFilters } from './filters.ts';
import { grantedTo, limitsAskedBy, MOUNTS, mountsGrantedTo, tasksIn } from './guard.ts';
import { limitExcesses, scheduleExcesses, scheduleOf, withinLimits, withinTurn } from './limits.ts';
import { withGrantedMounts } from './mounts.ts';

const CORE = /^core-\d+\.img$/;

/**
 * Makes the images in a folder fit a placeholder that another runtime may have made than the source: capabilities that the
 * tasks `mayLose` are gone from them where the pod does not grant them, they have no more of the node than the
 * placeholder, and no better turn, their first seccomp filters are those of it, and their mounts have its limits and masks. Idempotent. Returns
 * mounts of the placeholder that the images had not and now have, at their places. Throws `not-movable` for images that
 * cannot be read.
 */
export function fitImages(
  images: CriuImages,
  folder: string,
  placeholderPid: number,
  mayLose: readonly Capability[],
  marks: readonly string[] = [],
): string[] {
  const granted = grantedTo(placeholderPid);
  const lost = capabilitySet(mayLose) & ~granted.bounding;
  const change = (name: string, act: (image: Named) => Buffer) => {
    const file = path.join(folder, name);
    const data = readFileSync(file);
    const changed = act({ name, data });
    if (changed !== data) writeFileSync(file, changed);
  };
  const names = readdirSync(folder);
  const cores = names.filter((name) => CORE.test(name));
  const tasks = tasksIn(
    images,
    cores.map((name) => ({ name, data: readFileSync(path.join(folder, name)) })),
  );
  if (granted.seccompFilters > 0 && names.includes('seccomp.img')) {
    const filtered = tasks.map(({ task }) => task.thread_core);
    change('seccomp.img', (image) => withFilters(images, image, filtered, filtersOf(placeholderPid)));
  }
  const { limits, lowestNice } = granted;
  const free = unlimited(granted);
  if (!free.scheduling) {
    const before = tasks.filter(
      ({ task: { thread_core } }) => scheduleExcesses(scheduleOf(thread_core), lowestNice).length > 0,
    );
    for (const { name } of before) change(name, (image) => withinTurn(images, image, lowestNice));
  }
  if (limits && !free.resources) {
    const beyond = tasks.filter(({ task: { tc } }) => tc && limitExcesses(limitsAskedBy(tc), limits).length > 0);
    for (const { name } of beyond) change(name, (image) => withinLimits(images, image, limits));
  }
  const mounts = mountsGrantedTo(placeholderPid, marks);
  const addedMounts: string[] = [];
  for (const name of names) {
    if (lost !== 0n && CORE.test(name)) change(name, (image) => withoutCapabilities(images, image, lost));
    if (MOUNTS.test(name))
      change(name, (image) => {
        const { data, added } = withGrantedMounts(images, image, mounts);
        addedMounts.push(...added);
        return data;
      });
  }
  return addedMounts;
}

/** Changes a sample of the images that {@link fitImages} often changes: see `CriuImages.sample`. Idempotent. */
export function rehearseFit(images: CriuImages, placeholderPid: number): void {
  const sample = (message: string): Named => ({ name: 'sample', data: images.sample(message) });
  withGrantedMounts(images, sample('mnt_entry'), mountsGrantedTo(placeholderPid));
  withinLimits(images, sample('core_entry'), { hard: [], oomScoreAdj: 1 });
  withinTurn(images, sample('core_entry'), 1);
}

/** The image of a task that has none of these capabilities in any of its sets; the very one where it had none. Pure. */
export function withoutCapabilities(images: CriuImages, { name, data }: Named, lost: bigint): Buffer {
  const lostIn = (index: number) => Number((lost >> BigInt(32 * index)) & 0xffffffffn);
  return images.rewritten<Core>(name, data, 'core_entry', ({ thread_core }) => {
    if (!thread_core) return false;
    const { creds } = thread_core;
    const having = CAPABILITY_SETS.filter((set) => creds[set]?.some((word, index) => (word & lostIn(index)) !== 0));
    for (const set of having) creds[set] = creds[set]?.map((word, index) => (word & ~lostIn(index)) >>> 0);
    return having.length > 0;
  });
}

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { HelperFailure } from '../failure.ts';
import { readProc } from '../processes.ts';
import { type Asked, excesses, type Granted, parseGranted } from './credentials.ts';
import type { CriuImages } from './criu-image.ts';

const words = z.array(z.int().nonnegative()).default([]);
const id = z.int().nonnegative();
const credentials = z.looseObject({
  ...{ uid: id, euid: id, suid: id, fsuid: id, gid: id, egid: id, sgid: id, fsgid: id },
  ...{ cap_inh: words, cap_prm: words, cap_eff: words, cap_bnd: words, cap_amb: words, groups: words },
  lsm_profile: z.string().default(''),
  no_new_privs: z.int().default(0),
});
/** SECCOMP_MODE_FILTER of CRIU's enum seccomp_mode. */
const FILTERED = 2;
const core = z.looseObject({
  /** There for the leader of a thread group, not for its other threads. */
  tc: z.looseObject({}).optional(),
  thread_core: z.looseObject({
    creds: credentials,
    seccomp_mode: z.int().default(0),
    seccomp_filter: z.int().nonnegative().default(0),
  }),
});
type Core = z.infer<typeof core>;
const filters = z.looseObject({ seccomp_filters: z.array(z.looseObject({ flags: z.int().default(0) })).default([]) });
/** SECCOMP_FILTER_FLAG_TSYNC: the filter holds for all threads, and CRIU leaves it out of theirs (criu/seccomp.c). */
const TSYNC = 1;
const mount = z.looseObject({ mountpoint: z.string(), ext_key: z.string().default('') });

/** Mounts that CRIU makes itself; every other one has to come from the target's pod. */
const OWN_MOUNTS = new Set(['/', './', '/proc']);

/**
 * Compares what the images in a folder ask for with what the placeholder was given by its runtime: user, groups,
 * capabilities, no_new_privs, seccomp, security profile, mounts. Read-only. Throws `not-movable` naming all of it, before
 * anything is restored: an image is believed in nothing that the pod's spec decides (CVE-2026-53492 came from that).
 */
export function guardImages(images: CriuImages, folder: string, placeholderPid: number): void {
  const names = readdirSync(folder);
  const read = (name: string): Named => ({ name, data: readFileSync(path.join(folder, name)) });
  const named = (pattern: RegExp) => names.filter((name) => pattern.test(name)).map(read);
  const found = [
    ...names.filter((name) => /^userns-\d+\.img$/.test(name)).map((name) => `${name}: a user namespace of its own`),
    ...coreExcesses(images, named(/^core-\d+\.img$/), named(/^seccomp\.img$/)[0], grantedTo(placeholderPid)),
    ...named(/^mountpoints-\d+\.img$/).flatMap((image) => mountExcesses(images, image)),
  ];
  if (found.length === 0) return;
  throw new HelperFailure(
    'not-movable',
    'the process image asks for more than the target’s pod allows; nothing was restored',
    found.join('\n'),
  );
}

/** Reads a sample of each image that {@link guardImages} looks at. Idempotent. */
export function rehearseGuard(images: CriuImages, placeholderPid: number): void {
  const sample = (message: string): Named => ({ name: 'sample', data: images.sample(message) });
  coreExcesses(images, [sample('core_entry')], sample('seccomp_entry'), grantedTo(placeholderPid));
  mountExcesses(images, sample('mnt_entry'));
}

/** An image file. */
export interface Named {
  readonly name: string;
  readonly data: Buffer;
}

/** What images of tasks ask for beyond what is granted, each with the image's name. `seccomp`: the image of filters. */
export function coreExcesses(
  images: CriuImages,
  cores: readonly Named[],
  seccomp: Named | undefined,
  granted: Granted,
): string[] {
  const tasks = cores.flatMap(({ name, data }) =>
    images.entries(name, data, 'core_entry', core).map((task) => ({ name, task })),
  );
  const all = seccomp ? images.entries(seccomp.name, seccomp.data, 'seccomp_entry', filters) : [];
  const flags = all.flatMap(({ seccomp_filters }) => seccomp_filters).map((filter) => filter.flags);
  const leaders = tasks.filter(({ task }) => task.tc !== undefined).map(({ task }) => task.thread_core);
  const synced = leaders.every(
    ({ seccomp_mode, seccomp_filter }) => seccomp_mode === FILTERED && ((flags[seccomp_filter] ?? 0) & TSYNC) !== 0,
  );
  return tasks.flatMap(({ name, task }) => excesses(askedBy(task, synced), granted).map((what) => `${name}: ${what}`));
}

/** Mounts that neither CRIU makes itself nor the target's pod brings, each with the image's name. */
export function mountExcesses(images: CriuImages, { name, data }: Named): string[] {
  return images
    .entries(name, data, 'mnt_entry', mount)
    .filter(({ mountpoint, ext_key }) => ext_key === '' && !OWN_MOUNTS.has(mountpoint))
    .map(({ mountpoint }) => `${name}: a mount of its own at ${mountpoint}`);
}

/** `synced`: whoever leads a thread has a filter that holds for it too. */
function askedBy({ tc, thread_core: { creds, seccomp_mode } }: Core, synced: boolean): Asked {
  const sets = [creds.cap_inh, creds.cap_prm, creds.cap_eff, creds.cap_bnd, creds.cap_amb].map(bits);
  return {
    capabilities: sets.reduce((all, set) => all | set, 0n),
    uids: [creds.uid, creds.euid, creds.suid, creds.fsuid],
    gids: [creds.gid, creds.egid, creds.sgid, creds.fsgid, ...creds.groups],
    noNewPrivileges: creds.no_new_privs === 1,
    filtered: seccomp_mode === FILTERED || (tc === undefined && synced),
    profile: creds.lsm_profile,
  };
}

/** A set of capabilities, written as 32-bit words, the lowest first. */
function bits(set: readonly number[]): bigint {
  return set.reduce((all, word, index) => all | (BigInt(word) << BigInt(32 * index)), 0n);
}

/** What a process may do now. */
export function grantedTo(pid: number): Granted {
  const label = readProc(pid, 'attr/apparmor/current') ?? readProc(pid, 'attr/current') ?? '';
  return parseGranted(readProc(pid, 'status') ?? '', label);
}

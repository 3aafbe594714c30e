import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { HelperFailure } from '../failure.ts';
import { parseMountInfo } from '../mounts.ts';
import { readProc } from '../processes.ts';
import { type Asked, excesses, type Granted, parseGranted } from './credentials.ts';
import type { CriuImages, Named } from './criu-image.ts';
import { descriptorExcesses, unprivilegedPortsFrom } from './descriptors.ts';
import { type Filter, filtersIn, filtersOf, hasFilters, isAstray } from './filters.ts';
import { type AskedLimits, limitOf, lowestNice, parseLimits, scheduleOf } from './limits.ts';
import { BESIDE_PLACEHOLDER, type GrantedMounts, grantedMounts, mountExcesses } from './mounts.ts';
import { namespaceExcesses } from './namespaces.ts';
import { TRACKED, trackedExcesses } from './tracked.ts';

const words = z.array(z.int().nonnegative()).default([]);
const id = z.int().nonnegative();
const credentials = z.looseObject({
  ...{ uid: id, euid: id, suid: id, fsuid: id, gid: id, egid: id, sgid: id, fsgid: id },
  ...{ cap_inh: words, cap_prm: words, cap_eff: words, cap_bnd: words, cap_amb: words, groups: words },
  lsm_profile: z.string().default(''),
  lsm_sockcreate: z.string().default(''),
  no_new_privs: z.int().default(0),
});
const core = z.looseObject({
  /** There for the leader of a thread group, not for its other threads. */
  tc: z
    .looseObject({
      // Of old images: where they are there, CRIU takes them instead of the thread's (criu/cr-restore.c).
      old_seccomp_mode: z.int().optional(),
      old_seccomp_filter: z.int().optional(),
      task_state: z.int(),
      rlimits: z
        .looseObject({ rlimits: z.array(z.looseObject({ cur: z.number(), max: z.number() })).default([]) })
        .optional(),
      oom_score_adj: z.int().default(0),
    })
    .optional(),
  /** There unless the task is dead. */
  thread_core: z
    .looseObject({
      creds: credentials,
      seccomp_mode: z.int().default(0),
      seccomp_filter: z.int().nonnegative().default(0),
      sched_policy: id.optional(),
      sched_nice: z.int().optional(),
    })
    .optional(),
});
/** A task that will run. */
type Task = z.infer<typeof core> & { thread_core: NonNullable<z.infer<typeof core>['thread_core']> };
/** Of the threads of a process, the leader is in it, too. */
const tree = z.looseObject({ pid: id, threads: z.array(id).default([]) });
/** TASK_DEAD of criu/include/pid.h: it has ended, and its parent has not looked yet. */
const DEAD = 2;

/** The images of mounts of a folder. */
export const MOUNTS = /^mountpoints-\d+\.img$/;

/** Images that say what the processes may do; there are no filters where nothing is filtered. */
export interface TaskImages {
  readonly cores: readonly Named[];
  readonly seccomp?: Named | undefined;
  /** Which threads belong together. */
  readonly tree?: Named | undefined;
}

/**
 * Compares what the images in a folder ask for with what the placeholder was given by its runtime: user, groups,
 * capabilities, no_new_privs, seccomp, security profile, limits, mounts, namespaces, open files that take a capability. Read-only. Throws `not-movable` naming
 * all of it, before anything is restored: an image is believed in nothing that the pod's spec decides (CVE-2026-53492 came
 * from that). `marks`: files of the placeholder that will count as mounts on themselves.
 */
export function guardImages(
  images: CriuImages,
  folder: string,
  placeholderPid: number,
  marks: readonly string[] = [],
): void {
  const names = readdirSync(folder);
  const read = (name: string): Named => ({ name, data: readFileSync(path.join(folder, name)) });
  const named = (pattern: RegExp) => names.filter((name) => pattern.test(name)).map(read);
  const granted = grantedTo(placeholderPid);
  const own = filtersGrantedTo(placeholderPid, granted);
  const [seccomp, pstree] = [named(/^seccomp\.img$/)[0], named(/^pstree\.img$/)[0]];
  const tasks = { cores: named(/^core-\d+\.img$/), seccomp, tree: pstree };
  const found = [
    ...namespaceExcesses(images, {
      ...{
        tasks: named(/^ids-\d+\.img$/),
        inventories: named(/^inventory\.img$/),
        networks: named(/^netns-\d+\.img$/),
      },
      mounts: names.filter((name) => MOUNTS.test(name)),
    }),
    ...coreExcesses(images, tasks, granted, own),
    ...policyExcesses(named(/^apparmor\.img$/)[0]),
    ...trackedExcesses(named(TRACKED)),
    ...descriptorExcesses(images, named(/^files\.img$/)[0], granted, () => unprivilegedPortsFrom(placeholderPid)),
    ...named(MOUNTS).flatMap((image) =>
      mountExcesses(images, image, mountsGrantedTo(placeholderPid, marks), BESIDE_PLACEHOLDER),
    ),
  ];
  if (found.length === 0) return;
  throw new HelperFailure(
    'not-movable',
    'the process image asks for more than the target’s pod allows; nothing was restored',
    found.join('\n'),
  );
}

/** What an image of none has: its two magic numbers. */
const EMPTY = 8;

/**
 * Policies of AppArmor that an image has, whatever they are: CRIU would load them, as root, into what may be the node's own
 * (criu/apparmor.c). It notes only those of namespaces that a container made of its own, which none may. Pure.
 */
export function policyExcesses(image: Named | undefined): string[] {
  return image && image.data.length > EMPTY ? [`${image.name}: policies of AppArmor`] : [];
}

const filtersGrantedTo = (pid: number, { seccompFilters }: Granted) => (seccompFilters > 0 ? filtersOf(pid) : []);

/** Reads a sample of each image that {@link guardImages} looks at, and of the placeholder what takes time. Idempotent. */
export function rehearseGuard(images: CriuImages, placeholderPid: number): void {
  const sample = (message: string): Named => ({ name: 'sample', data: images.sample(message) });
  const granted = grantedTo(placeholderPid);
  filtersGrantedTo(placeholderPid, granted);
  const cores = [sample('core_entry')];
  coreExcesses(images, { cores, seccomp: sample('seccomp_entry'), tree: sample('pstree_entry') }, granted);
  descriptorExcesses(images, sample('file_entry'), granted, () => 0);
  mountExcesses(images, sample('mnt_entry'), mountsGrantedTo(placeholderPid), BESIDE_PLACEHOLDER);
  const [tasks, inventories] = [[sample('task_kobj_ids_entry')], [sample('inventory_entry')]];
  namespaceExcesses(images, { tasks, inventories, networks: [sample('netns_entry')], mounts: [] });
}

/**
 * The tasks that images of cores hold, each with its image's name; those that have ended are left out, for CRIU makes them
 * end at once. Throws `not-movable` for what is no such image. Pure.
 */
export function tasksIn(images: CriuImages, cores: readonly Named[]): NamedTask[] {
  return cores.flatMap(({ name, data }) =>
    images
      .entries(name, data, 'core_entry', core)
      .filter(({ tc }) => tc?.task_state !== DEAD)
      .map(({ thread_core, ...task }) => {
        if (thread_core) return { name, task: { ...task, thread_core } };
        throw new HelperFailure('not-movable', `the process image is damaged: ${name} has a task without credentials`);
      }),
  );
}

/**
 * What images of tasks ask for beyond what is granted, each with the image's name. `own`: the filters that the runtime set,
 * where they are known. Pure.
 */
export function coreExcesses(
  images: CriuImages,
  { cores, seccomp, tree: pstree }: TaskImages,
  granted: Granted,
  own: readonly Buffer[] = [],
): string[] {
  const all = seccomp ? filtersIn(images, seccomp) : [];
  return processesIn(images, tasksIn(images, cores), pstree).flatMap((threads) => {
    const filtered = filteredOf(threads, all, { count: granted.seccompFilters, own });
    return threads.flatMap(({ name, task }) =>
      excesses(askedBy(task, filtered.has(task)), granted).map((what) => `${name}: ${what}`),
    );
  });
}

interface NamedTask {
  readonly name: string;
  readonly task: Task;
}

/** The tasks by their processes; all of them as those of one where nothing says which belong together. */
function processesIn(images: CriuImages, tasks: readonly NamedTask[], pstree: Named | undefined): NamedTask[][] {
  const entries = pstree ? images.entries(pstree.name, pstree.data, 'pstree_entry', tree) : [];
  const leaderOf = new Map(entries.flatMap(({ pid, threads }) => threads.map((thread) => [thread, pid] as const)));
  const processes = new Map<number | undefined, NamedTask[]>();
  for (const task of tasks) {
    const process = leaderOf.get(Number(/\d+/.exec(task.name)?.[0]));
    processes.set(process, [...(processes.get(process) ?? []), task]);
  }
  return [...processes.values()];
}

/** Those of a process that have the filters, or whose leader has them for all. */
function filteredOf(
  threads: readonly NamedTask[],
  all: readonly Filter[],
  limits: { count: number; own: readonly Buffer[] },
): ReadonlySet<Task> {
  const cores = threads.map(({ task }) => task.thread_core);
  const sound = threads.filter(({ task: { thread_core } }) => {
    const others = cores.filter((other) => other !== thread_core);
    return !isAstray(thread_core, all, others);
  });
  const leaders = sound.filter(({ task }) => task.tc !== undefined);
  const synced =
    leaders.length > 0 &&
    leaders.every(({ task }) => hasFilters(task.thread_core, all, { ...limits, forThreads: true }));
  const has = ({ task }: NamedTask) => hasFilters(task.thread_core, all, limits) || (task.tc === undefined && synced);
  return new Set(sound.filter(has).map(({ task }) => task));
}

function askedBy({ tc, thread_core }: Task, filtered: boolean): Asked {
  const { creds } = thread_core;
  const union = (...sets: readonly (readonly number[])[]) => sets.map(bits).reduce((all, set) => all | set, 0n);
  const permitted = union(creds.cap_prm, creds.cap_eff, creds.cap_amb);
  return {
    capabilities: permitted | union(creds.cap_inh, creds.cap_bnd),
    permitted,
    uids: [creds.uid, creds.euid, creds.suid, creds.fsuid],
    gids: [creds.gid, creds.egid, creds.sgid, creds.fsgid, ...creds.groups],
    noNewPrivileges: creds.no_new_privs === 1,
    filtered: filtered && tc?.old_seccomp_mode === undefined && tc?.old_seccomp_filter === undefined,
    profile: creds.lsm_profile,
    socketLabel: creds.lsm_sockcreate,
    schedule: scheduleOf(thread_core),
    limits: tc && limitsAskedBy(tc),
  };
}

/** What CRIU makes of the limits of a task: the soft one is no higher than the hard one. */
export function limitsAskedBy({ rlimits, oom_score_adj }: NonNullable<Task['tc']>): AskedLimits {
  return { hard: (rlimits?.rlimits ?? []).map(({ max }) => limitOf(max)), oomScoreAdj: oom_score_adj };
}

/** A set of capabilities, written as 32-bit words, the lowest first. */
function bits(set: readonly number[]): bigint {
  return set.reduce((all, word, index) => all | (BigInt(word) << BigInt(32 * index)), 0n);
}

/** The mounts that a process sees. */
export function mountsGrantedTo(pid: number, marks: readonly string[] = []): GrantedMounts {
  return grantedMounts(parseMountInfo(readProc(pid, 'mountinfo') ?? ''), marks);
}

/** What a process may do now. */
export function grantedTo(pid: number): Granted {
  const label = readProc(pid, 'attr/apparmor/current') ?? readProc(pid, 'attr/current') ?? '';
  const limits = parseLimits(readProc(pid, 'limits') ?? '', readProc(pid, 'oom_score_adj') ?? '');
  const more = { limits, lowestNice: lowestNice(readProc(pid, 'stat') ?? '', limits) };
  return parseGranted(readProc(pid, 'status') ?? '', label, more);
}

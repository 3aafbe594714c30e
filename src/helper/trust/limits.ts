import type { Core, Long } from './core-entry.ts';
import type { CriuImages, Named } from './criu-image.ts';

/** What a container's processes may have of their node, as far as a process can be given more of it. */
export interface Limits {
  /** The hard ones of prlimit(2), by their numbers there. */
  readonly hard: readonly number[];
  /** The lower, the later it is ended where memory is short (proc(5)); every process may raise its own. */
  readonly oomScoreAdj: number;
}

/** What of it an image says of a task. */
export interface AskedLimits {
  readonly hard: readonly number[];
  readonly oomScoreAdj: number;
}

/** RLIM_INFINITY, which is the highest number there is, and what is so near to it that no number of JavaScript differs. */
const INFINITE = 2 ** 63;

/** A limit of an image as a number. */
export const limitOf = (value: number) => (value >= INFINITE ? Number.POSITIVE_INFINITY : value);

/** Reads /proc/PID/limits, whose lines are in the order of their numbers, and oom_score_adj. Pure. */
export function parseLimits(limits: string, oomScoreAdj: string): Limits {
  const [, ...lines] = limits.trimEnd().split('\n');
  const hard = lines.map((line) => {
    // A name takes 25 columns and a blank.
    const [, value = ''] = line.slice(26).trim().split(/\s+/);
    return value === 'unlimited' ? Number.POSITIVE_INFINITY : Number(value);
  });
  if (hard.length === 0 || hard.some(Number.isNaN)) throw new Error('/proc/PID/limits cannot be read');
  return { hard, oomScoreAdj: Number(oomScoreAdj) };
}

/** Names of prlimit(2) by their numbers. */
const NAMES = [
  ...['CPU', 'FSIZE', 'DATA', 'STACK', 'CORE', 'RSS', 'NPROC', 'NOFILE', 'MEMLOCK', 'AS', 'LOCKS', 'SIGPENDING'],
  ...['MSGQUEUE', 'NICE', 'RTPRIO', 'RTTIME'],
];

/** What a task asks for beyond these limits, in words. Pure. */
export function limitExcesses(asked: AskedLimits, granted: Limits): string[] {
  const beyond = granted.hard.flatMap((limit, number) => {
    const value = asked.hard[number];
    return value === undefined || value > limit ? [NAMES[number] ?? String(number)] : [];
  });
  return [
    ...(beyond.length > 0 ? [`limits ${beyond.join(', ')}`] : []),
    ...(asked.oomScoreAdj < granted.oomScoreAdj ? [`an oom_score_adj of ${asked.oomScoreAdj}`] : []),
  ];
}

/** How a task is scheduled (sched(7)), as an image says it. */
export interface Schedule {
  readonly policy: number;
  readonly nice: number;
}

/** SCHED_OTHER, SCHED_BATCH and SCHED_IDLE, which leave every other task its turn. */
const YIELDING = new Set([0, 3, 5]);
/** SCHED_RESET_ON_FORK, which CRIU tells beside the policy. */
const RESET_ON_FORK = 0x40000000;
/** RLIMIT_NICE */
const NICE = 13;

/** The lowest nice value that a process may have by its limits: the one that it has, by /proc/PID/stat, or a lower one. Pure. */
export function lowestNice(stat: string, { hard }: Limits): number {
  const nice = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
  if (Number.isNaN(nice)) throw new Error('/proc/PID/stat cannot be read');
  return Math.min(nice, 20 - (hard[NICE] ?? 0));
}

/** What CRIU makes of an image: without a policy it takes all for unsaid. */
export function scheduleOf(thread: {
  readonly sched_policy?: number | undefined;
  readonly sched_nice?: number | undefined;
}): Schedule {
  const { sched_policy: policy, sched_nice: nice = 0 } = thread;
  return policy === undefined ? { policy: 0, nice: 0 } : { policy, nice };
}

const yields = ({ policy }: Schedule) => YIELDING.has(policy & ~RESET_ON_FORK);

/** What a task asks for beyond its turn among others, in words. Pure. */
export function scheduleExcesses(asked: Schedule, lowest: number): string[] {
  return [
    ...(yields(asked) ? [] : [`to run before all others (scheduling policy ${asked.policy})`]),
    ...(asked.nice < lowest ? [`a nice value of ${asked.nice}`] : []),
  ];
}

/**
 * The image of a task that has no more than these limits; the very one where it has not. What nodes give to a container
 * depends on their memory and on how their runtime was started, so an image that only differs is none that asks for more.
 * Pure.
 */
export function withinLimits(images: CriuImages, { name, data }: Named, granted: Limits): Buffer {
  return images.rewritten<Core>(name, data, 'core_entry', ({ tc }) => {
    if (!tc) return false;
    let changed = false;
    const lowered = (value: Long | number, limit: number) => {
      if (Number(value.toString()) <= limit) return value;
      changed = true;
      return limit;
    };
    for (const [number, each] of (tc.rlimits?.rlimits ?? []).entries()) {
      const limit = granted.hard[number] ?? Number.POSITIVE_INFINITY;
      each.max = lowered(each.max, limit);
      each.cur = lowered(each.cur, limit);
    }
    if ((tc.oom_score_adj ?? 0) < granted.oomScoreAdj) {
      tc.oom_score_adj = granted.oomScoreAdj;
      changed = true;
    }
    return changed;
  });
}

/** The image of a task that yields to others and has no lower nice value; the very one where it does, as {@link withinLimits}. Pure. */
export function withinTurn(images: CriuImages, { name, data }: Named, lowest: number): Buffer {
  return images.rewritten<Core>(name, data, 'core_entry', ({ thread_core }) => {
    if (!thread_core) return false;
    const schedule = scheduleOf(thread_core);
    if (scheduleExcesses(schedule, lowest).length === 0) return false;
    if (!yields(schedule)) {
      thread_core.sched_policy = 0;
      thread_core.sched_prio = 0;
    }
    thread_core.sched_nice = Math.max(schedule.nice, lowest);
    return true;
  });
}

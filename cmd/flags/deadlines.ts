import type { Argv } from 'yargs';
import { DEFAULT_DEADLINES, type Deadlines } from '../../src/domain/plan.ts';
import { parseDuration } from './duration.ts';

const GROUP = 'Deadlines:';
const FLAGS = {
  'helper-timeout': ['helperTimeout', 'for the helper pods to run'],
  'placeholder-timeout': ['placeholderTimeout', 'for the target pod to be scheduled and started'],
  'copy-timeout': ['copyTimeout', 'for copying files before the freeze'],
  'max-freeze': ['maxFreeze', 'for the source to be frozen; then it is thawed'],
  'ready-timeout': ['readyTimeout', 'for the target to be ready after the commit'],
  'remove-timeout': ['removeTimeout', 'for objects to be gone'],
} as const satisfies Record<string, readonly [keyof Deadlines, string]>;

const DAY = 24 * 3_600_000;
/** The least and the most in ms, where it is not up to a day: what the helpers' protocol takes. */
const BOUNDS: Readonly<Record<string, readonly [number, number]>> = {
  'helper-timeout': [1, 600_000],
  'max-freeze': [100, DAY],
};

type DeadlineFlag = keyof typeof FLAGS;
export type DeadlineOptions = { readonly [Flag in DeadlineFlag]: string };
/** Those that somebody gave; the plan has the others. */
export type GivenDeadlines = { readonly [Flag in DeadlineFlag]?: string | undefined };

/** One flag for every wait. */
export function deadlineFlags<T>(yargs: Argv<T>): Argv<T & DeadlineOptions> {
  return Object.entries(FLAGS).reduce<Argv<unknown>>(
    (flags, [flag, [deadline, describe]]) =>
      flags.option(flag, { type: 'string', default: `${DEFAULT_DEADLINES[deadline] / 1000}s`, group: GROUP, describe }),
    yargs as Argv<unknown>,
  ) as Argv<T & DeadlineOptions>;
}

/** The same for a move that has its deadlines by a plan: without defaults. */
export function otherDeadlineFlags<T>(yargs: Argv<T>): Argv<T & GivenDeadlines> {
  return Object.entries(FLAGS).reduce<Argv<unknown>>(
    (flags, [flag, [, describe]]) =>
      flags.option(flag, { type: 'string', group: GROUP, describe: `${describe}, instead of the plan’s` }),
    yargs as Argv<unknown>,
  ) as Argv<T & GivenDeadlines>;
}

/** Complaints about deadlines that are no durations, or out of bounds. Pure. */
export function deadlineComplaints(options: GivenDeadlines): string[] {
  return Object.keys(FLAGS).flatMap((flag) => {
    const text = options[flag as DeadlineFlag];
    if (text === undefined) return [];
    const ms = parseDuration(text);
    if (ms === undefined) return [`--${flag}: '${text}' is not a duration such as 30s or 2m`];
    const [least, most] = BOUNDS[flag] ?? [1, DAY];
    if (ms < least) return [`--${flag}: '${text}' is too short, it takes at least ${least}ms`];
    if (ms > most)
      return [`--${flag}: '${text}' is too long, it takes at most ${most === DAY ? '24h' : `${most / 60_000}m`}`];
    return [];
  });
}

/** The deadlines in ms. Pure; the options must be free of complaints. */
export function toDeadlines(options: DeadlineOptions): Deadlines {
  const entries = Object.entries(FLAGS).map(([flag, [deadline]]) => [
    deadline,
    parseDuration(options[flag as DeadlineFlag]) ?? DEFAULT_DEADLINES[deadline],
  ]);
  return Object.fromEntries(entries) as Deadlines;
}

/** Those that were given, in ms. Pure; the options must be free of complaints. */
export function givenDeadlines(options: GivenDeadlines): Partial<Deadlines> {
  const entries = Object.entries(FLAGS).flatMap(([flag, [deadline]]) => {
    const ms = parseDuration(options[flag as DeadlineFlag] ?? '');
    return ms === undefined ? [] : [[deadline, ms]];
  });
  return Object.fromEntries(entries) as Partial<Deadlines>;
}

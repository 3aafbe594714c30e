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

type DeadlineFlag = keyof typeof FLAGS;
export type DeadlineOptions = { readonly [Flag in DeadlineFlag]: string } & { readonly 'request-timeout': string };

/** One flag for every wait. */
export function deadlineFlags<T>(yargs: Argv<T>): Argv<T & DeadlineOptions> {
  const withRequest = yargs.option('request-timeout', {
    type: 'string',
    default: '10s',
    group: GROUP,
    describe: 'for one request to an API server',
  });
  return Object.entries(FLAGS).reduce<Argv<unknown>>(
    (flags, [flag, [deadline, describe]]) =>
      flags.option(flag, { type: 'string', default: `${DEFAULT_DEADLINES[deadline] / 1000}s`, group: GROUP, describe }),
    withRequest as Argv<unknown>,
  ) as Argv<T & DeadlineOptions>;
}

/** Complaints about deadlines that are no durations. Pure. */
export function deadlineComplaints(options: DeadlineOptions): string[] {
  return [...Object.keys(FLAGS), 'request-timeout']
    .filter((flag) => parseDuration(options[flag as DeadlineFlag]) === undefined)
    .map((flag) => `--${flag}: '${options[flag as DeadlineFlag]}' is not a duration such as 30s or 2m`);
}

/** The deadlines in ms. Pure; the options must be free of complaints. */
export function toDeadlines(options: DeadlineOptions): Deadlines {
  const entries = Object.entries(FLAGS).map(([flag, [deadline]]) => [
    deadline,
    parseDuration(options[flag as DeadlineFlag]) ?? DEFAULT_DEADLINES[deadline],
  ]);
  return Object.fromEntries(entries) as Deadlines;
}

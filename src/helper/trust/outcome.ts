import { closeSync, openSync, readdirSync, readlinkSync, readSync, statfsSync } from 'node:fs';
import { capabilitiesIn } from '../capabilities.ts';
import { HelperFailure } from '../failure.ts';
import { type MountInfo, parseMountInfo, unescapePath } from '../mounts.ts';
import { readProc } from '../processes.ts';
import { type Asked, excesses, type Granted, parseGranted, unlimited } from './credentials.ts';
import { grantedTo } from './guard.ts';
import { parseLimits, type Schedule } from './limits.ts';
import { isMask } from './mounts.ts';

// The guard compares what images say. Here it is the kernel that says what came of them.

/** A process that CRIU has restored. */
export interface Restored {
  readonly pid: number;
  /** As it sees itself. */
  readonly innerPid: number;
  readonly name: string;
  /** One letter of proc_pid_stat(5). */
  readonly state: string;
}

/** Where the mounts are that a process sees, by their numbers. */
type Places = ReadonlyMap<number, string>;

/** The mounts that tasks see, by `pid`; `whole` unless all of the tasks are in a root of their own below `base`. */
interface Seen {
  readonly pid: number;
  readonly mounts: readonly MountInfo[];
  /** Where they are, as the tasks see it. */
  readonly places: Places;
  readonly whole: boolean;
  /** Numbers of the kernel's own mounts, of sockets and the like, as far as something in them was met. */
  readonly kernels: Set<number>;
}

const LIMITING = ['ro', 'nosuid', 'nodev', 'noexec'];
/** Namespaces that are the placeholder's: its sandbox's or the node's. */
const SHARED = ['net', 'ipc', 'user'] as const;
/** Those that CRIU makes, and all processes are in. */
const OWN = ['mnt', 'pid'] as const;
/** Those that it may make, for a host's name and for clocks: they give nothing. */
const ALIKE = ['uts', 'time'] as const;
const O_PATH = 0o10000000;
/** Of statfs(2): procfs, and what a memfd is in. */
const PROC_MAGIC = 0x9fa0;
const MEMORY_MAGICS = [0x01021994, 0x958458f6];

/**
 * Compares what the kernel says of restored processes that are stopped with what it says of the placeholder: user, groups,
 * capabilities, no_new_privs, seccomp, security profile, limits and scheduling of every thread, namespaces, mounts, and where
 * all that is open lies. Read-only. Throws `not-movable` naming all that is beyond it. `marks`: as for the guard.
 */
export function checkOutcome(placeholderPid: number, restored: readonly Restored[], marks: readonly string[]): void {
  const found = [...new Set(outcomeExcesses(placeholderPid, restored, marks))];
  if (found.length === 0) return;
  throw new HelperFailure(
    'not-movable',
    'what was restored has more than the target’s pod allows; it was ended before it ran',
    found.join('\n'),
  );
}

/** Reads of the placeholder what {@link checkOutcome} reads: the first time takes longer. Idempotent. */
export function rehearseOutcome(placeholderPid: number): void {
  outcomeExcesses(placeholderPid, [{ pid: placeholderPid, innerPid: 1, name: '', state: 'S' }], []);
}

function outcomeExcesses(placeholderPid: number, restored: readonly Restored[], marks: readonly string[]): string[] {
  const alive = restored.filter(({ state }) => state !== 'Z');
  const granted = grantedTo(placeholderPid);
  const mounts = parseMountInfo(readProc(placeholderPid, 'mountinfo') ?? '');
  const seen = seenBy(alive.map(({ pid }) => pid));
  const first = namespacesOf(alive[0]?.pid ?? 0);
  const outer = namespacesOf(placeholderPid);
  const named = ({ name, innerPid }: Restored, what: readonly string[]) =>
    what.map((each) => `${name} (${innerPid}): ${each}`);
  const tasks = taskJudge(granted);
  return [
    ...mountOutcome(seen, mounts, marks),
    ...(seen.whole ? coveredMasks(seen, placeholderPid) : []),
    ...alive.flatMap((each) =>
      named(each, [
        ...tasks(each.pid),
        ...namespaceOutcome(namespacesOf(each.pid), first, outer),
        ...openIn(each.pid).flatMap((open) => misplaced(open, seen)),
      ]),
    ),
  ];
}

/** What the threads of a process have beyond what is granted. Most say the same, and are judged once. */
function taskJudge(granted: Granted): (pid: number) => string[] {
  const known = new Map<string, string[]>();
  const free = unlimited(granted);
  return (pid) => {
    const limits = free.resources ? undefined : parseLimitsOf(pid);
    return readdirSync(`/proc/${pid}/task`).flatMap((tid) => {
      const file = `/proc/${pid}/task/${tid}`;
      const status = decisiveLines(shortFile(`${file}/status`));
      const label = granted.profile === '' ? '' : labelOf(pid, tid);
      const schedule = parseSchedule(shortFile(`${file}/stat`));
      const key = JSON.stringify([status, label, schedule, limits]);
      const judged = known.get(key) ?? excesses(askedIn({ status, label, schedule, limits }, granted), granted);
      known.set(key, judged);
      return judged;
    });
  };
}

const parseLimitsOf = (pid: number) => parseLimits(readProc(pid, 'limits') ?? '', readProc(pid, 'oom_score_adj') ?? '');
const labelOf = (pid: number, tid: string) =>
  readProc(pid, `task/${tid}/attr/apparmor/current`) ?? readProc(pid, `task/${tid}/attr/current`) ?? '';

/** The lines of /proc/PID/status that decide; names of processes may hold anything, but no newline. Pure. */
function decisiveLines(status: string): string {
  const lines = status.split('\n');
  return lines.filter((line) => /^(?:Uid|Gid|Groups|Cap\w+|NoNewPrivs|Seccomp|Seccomp_filters):/.test(line)).join('\n');
}

/** What the kernel says of a task. */
interface Told {
  /** Of /proc/PID/status. */
  readonly status: string;
  /** The text of attr/current; empty where the placeholder has none. */
  readonly label: string;
  readonly schedule: Schedule;
  readonly limits?: Asked['limits'];
}

/** What a task has, as if an image had asked for it. Pure. */
export function askedIn({ status, label, schedule, limits }: Told, granted: Granted): Asked {
  const { uids, gids, noNewPrivileges, seccompFilters, profile } = parseGranted(status, label);
  const set = (name: string) => capabilitiesIn(status, name);
  const permitted = set('CapPrm') | set('CapEff') | set('CapAmb');
  return {
    ...{ uids, gids, noNewPrivileges, profile, schedule, limits, permitted },
    capabilities: permitted | set('CapInh') | set('CapBnd'),
    filtered: seccompFilters >= granted.seccompFilters,
    // The kernel tells it to nobody but the task.
    socketLabel: '',
  };
}

/** Reads /proc/PID/stat. The name may hold blanks and parentheses. Pure. */
export function parseSchedule(stat: string): Schedule {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [nice, policy] = [Number(fields[16]), Number(fields[38])];
  if (!Number.isInteger(nice) || !Number.isInteger(policy)) throw new Error('/proc/PID/stat cannot be read');
  return { nice, policy };
}

type Kind = (typeof SHARED | typeof OWN | typeof ALIKE)[number];

const namespacesOf = (pid: number) =>
  new Map<Kind, string>([...SHARED, ...OWN, ...ALIKE].map((kind) => [kind, linkOf(`/proc/${pid}/ns/${kind}`)]));

/** In words, the namespaces of a process that are not the container's. `first`: those of one of its processes. Pure. */
export function namespaceOutcome(
  of: ReadonlyMap<Kind, string>,
  first: ReadonlyMap<Kind, string>,
  placeholder: ReadonlyMap<Kind, string>,
): string[] {
  const foreign = SHARED.filter((kind) => of.get(kind) !== placeholder.get(kind));
  const own = OWN.filter((kind) => of.get(kind) === placeholder.get(kind));
  const apart = [...OWN, ...ALIKE].filter((kind) => of.get(kind) !== first.get(kind));
  return [...foreign, ...own, ...apart].map((kind) => `another ${kind} namespace than the container’s`);
}

/** What one read gives of a file of /proc: there are many of them, and this takes half as long as `readFileSync`. */
function shortFile(file: string): string {
  const fd = openSync(file, 'r');
  try {
    return ROOM.toString('latin1', 0, readSync(fd, ROOM, 0, ROOM.length, 0));
  } finally {
    closeSync(fd);
  }
}
const ROOM = Buffer.alloc(16 * 1024);

/** As `readlink`; empty where there is none. */
function linkOf(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}

/** The mounts that processes of one mount namespace see, by one whose root is that of the namespace where there is such. */
function seenBy(pids: readonly number[]): Seen {
  const pid = pids.find((each) => linkOf(`/proc/${each}/root`) === '/') ?? pids[0] ?? 0;
  const base = linkOf(`/proc/${pid}/root`);
  const text = readProc(pid, 'mountinfo') ?? '';
  const inside = (point: string) => (base === '/' ? point : `${base}${point === '/' ? '' : point}`);
  const mounts = parseMountInfo(text).map((each) => ({ ...each, mountPoint: inside(each.mountPoint) }));
  return { pid, mounts, places: placesIn(text), whole: base === '/', kernels: new Set() };
}

/** Reads the text of a mountinfo file. Pure. */
function placesIn(text: string): Places {
  const lines = [...text.matchAll(/^(\d+) \S+ \S+ \S+ (\S+)/gm)];
  return new Map(lines.map(([, id, point = '']) => [Number(id), unescapePath(point)]));
}

/**
 * In words, the mounts that are not those of the placeholder at their places, or are less limited than these, and masks
 * that are missing. `/proc` is one of their own. Pure.
 */
export function mountOutcome(
  { mounts, whole }: Pick<Seen, 'mounts' | 'whole'>,
  granted: readonly MountInfo[],
  marks: readonly string[],
): string[] {
  const root = granted.findLast(({ mountPoint }) => mountPoint === '/');
  const found = mounts.flatMap(({ mountPoint, device, root: part, fsType, options }) => {
    const there = granted.filter((each) => each.mountPoint === mountPoint);
    const made = mountPoint === '/proc' && fsType === 'proc' && part === '/';
    const place = there.findLast((each) => made || (each.device === device && each.root === part));
    if (!place && marks.includes(mountPoint) && device === root?.device) return [];
    if (!place) return [`a mount of its own at ${mountPoint}`];
    const less = LIMITING.filter((option) => place.options.includes(option) && !options.includes(option));
    return less.length > 0 ? [`the mount at ${mountPoint} without ${less.join(', ')}`] : [];
  });
  const present = new Set(mounts.map(({ mountPoint }) => mountPoint));
  const missing = granted.filter(({ mountPoint }) => whole && isMask(mountPoint) && !present.has(mountPoint));
  return [...found, ...missing.map(({ mountPoint }) => `no mount at ${mountPoint}`)];
}

/** In words, the masks to which a path does not lead any more, for another mount is in the way; it does in the placeholder. */
function coveredMasks({ pid, mounts, places }: Seen, placeholderPid: number): string[] {
  const points = new Set(mounts.map(({ mountPoint }) => mountPoint).filter(isMask));
  const bare = uncovered(placeholderPid, placesIn(readProc(placeholderPid, 'mountinfo') ?? ''), points);
  const still = uncovered(pid, places, points);
  return bare.filter((point) => !still.includes(point)).map((point) => `the mount at ${point} beneath another one`);
}

/** Those of the places at which a process comes to a mount of that very place. */
function uncovered(pid: number, places: Places, points: ReadonlySet<string>): string[] {
  return [...points].filter((point) => {
    try {
      return places.get(mountBehind(`/proc/${pid}/root${point}`)) === point;
    } catch {
      // Nothing is there by that name.
      return false;
    }
  });
}

/** Something that a process has open. */
interface Open {
  readonly pid: number;
  /** In words, by what it has it. */
  readonly by: string;
  /** A path below /proc/PID that leads to it. */
  readonly link: string;
  /** The number of its mount. */
  readonly mount: number;
}

function openIn(pid: number): Open[] {
  const behind = (by: string, link: string) => ({ pid, by, link, mount: mountBehind(`/proc/${pid}/${link}`) });
  return [
    ...readdirSync(`/proc/${pid}/fd`).map((fd) => {
      return { pid, by: `descriptor ${fd}`, link: `fd/${fd}`, mount: mountIn(`/proc/${pid}/fdinfo/${fd}`) };
    }),
    ...[behind('its working directory', 'cwd'), behind('its root', 'root'), behind('its program', 'exe')],
  ];
}

function mountIn(fdinfo: string): number {
  const [, id] = /^mnt_id:\s*(\d+)$/m.exec(shortFile(fdinfo)) ?? [];
  if (id === undefined) throw new Error(`${fdinfo} names no mount`);
  return Number(id);
}

function mountBehind(file: string): number {
  const fd = openSync(file, O_PATH);
  try {
    return mountIn(`/proc/self/fdinfo/${fd}`);
  } finally {
    closeSync(fd);
  }
}

/** In words, what is open and lies in no mount that the process sees. */
function misplaced({ pid, by, link, mount }: Open, { places, whole, kernels }: Seen): string[] {
  if (places.has(mount) || kernels.has(mount)) return [];
  const target = linkOf(`/proc/${pid}/${link}`);
  const [, kind] = /^(\w+):\[\d+\]$/.exec(target) ?? [];
  if (kind === 'socket' || kind === 'pipe' || target.startsWith('anon_inode:')) {
    kernels.add(mount);
    return [];
  }
  if (kind !== undefined)
    return target === linkOf(`/proc/${pid}/ns/${kind}`) ? [] : [`${by}: a ${kind} namespace that is not its own`];
  const { type } = statfsSync(`/proc/${pid}/${link}`);
  const isMemfd = /^\/memfd:.* \(deleted\)$/s.test(target) && MEMORY_MAGICS.includes(type);
  // Of a process in a root of its own the kernel does not tell which mounts lie outside of that.
  if (isMemfd || (!whole && type !== PROC_MAGIC)) return [];
  return [`${by}: ${target}, on a mount that is not the container’s`];
}

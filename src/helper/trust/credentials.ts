import { capabilitiesIn, capabilityNames, capabilitySet } from '../capabilities.ts';
import { type AskedLimits, type Limits, limitExcesses, type Schedule, scheduleExcesses } from './limits.ts';

/** What a process may do, as the kernel tells it of the placeholder, whose limits the runtime set from the pod's spec. */
export interface Granted {
  /** Capabilities that it, or a program it starts, can ever have. */
  readonly bounding: bigint;
  /** Capabilities that it has itself. */
  readonly permitted: bigint;
  readonly uids: readonly number[];
  /** Its groups, supplementary ones included. */
  readonly gids: readonly number[];
  readonly noNewPrivileges: boolean;
  /** Number of seccomp filters; 0 when it has none. */
  readonly seccompFilters: number;
  /** AppArmor profile or SELinux label; empty when it is not confined. */
  readonly profile: string;
  /** Not told where nobody knows them before the container is there. */
  readonly limits?: Limits;
  /** The lowest nice value that it may have, of sched(7): the lower, the more of the processors. */
  readonly lowestNice: number;
}

/** What one task of a process image would have after the restore. */
export interface Asked {
  /** All sets together: whatever is in one of them can be used or passed on. */
  readonly capabilities: bigint;
  /** Those that it has itself: the permitted, effective and ambient ones. */
  readonly permitted: bigint;
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  readonly noNewPrivileges: boolean;
  readonly filtered: boolean;
  readonly profile: string;
  /** SELinux: what its sockets would be labelled as; empty when as all others. */
  readonly socketLabel: string;
  readonly schedule: Schedule;
  /** Of the leader of a thread group; its other threads have the same. */
  readonly limits?: AskedLimits | undefined;
}

/** Who has them may take any group or user. */
const SETGID = capabilitySet(['SETGID']);
const SETUID = capabilitySet(['SETUID']);
/** Who has it may take as much of anything. */
const SYS_RESOURCE = capabilitySet(['SYS_RESOURCE']);
/** Who has it may run before all others. */
const SYS_NICE = capabilitySet(['SYS_NICE']);

/**
 * Capabilities that a process, or one that it starts, can ever use. With no_new_privs they are those that it has: neither the
 * user root nor a file gives it others (`cap_bprm_creds_from_file` of the kernel's security/commoncap.c). Pure.
 */
export function attainable({ bounding, permitted, noNewPrivileges }: Granted): bigint {
  return noNewPrivileges ? bounding & permitted : bounding;
}

/** What no limit holds for it. Pure. */
export function unlimited(granted: Granted): { readonly resources: boolean; readonly scheduling: boolean } {
  const may = (capability: bigint) => (attainable(granted) & capability) !== 0n;
  return { resources: may(SYS_RESOURCE), scheduling: may(SYS_NICE) };
}

/**
 * What a task asks for beyond what the target's pod grants, in words; empty when nothing. CRIU restores as root of the
 * node and takes all of this from the images, so nobody else would refuse it. Pure.
 */
export function excesses(asked: Asked, granted: Granted): string[] {
  const found: string[] = [];
  const usable = attainable(granted);
  const beyond = (asked.capabilities & ~granted.bounding) | (asked.permitted & ~usable);
  if (beyond !== 0n) found.push(`capabilities ${capabilityNames(beyond).join(', ')}`);
  const may = (capability: bigint) => (usable & capability) !== 0n;
  const uids = may(SETUID) ? [] : asked.uids.filter((id) => !granted.uids.includes(id));
  if (uids.length > 0) found.push(`user ${[...new Set(uids)].join(', ')}`);
  const gids = may(SETGID) ? [] : asked.gids.filter((id) => !granted.gids.includes(id));
  if (gids.length > 0) found.push(`group ${[...new Set(gids)].join(', ')}`);
  if (granted.noNewPrivileges && !asked.noNewPrivileges) found.push('new privileges (no_new_privs is not set)');
  if (granted.seccompFilters > 0 && !asked.filtered) found.push('system calls without a seccomp filter');
  if (granted.profile !== '' && asked.profile !== granted.profile)
    found.push(`the security profile '${asked.profile}' instead of '${granted.profile}'`);
  if (asked.socketLabel !== '') found.push(`the label '${asked.socketLabel}' for its sockets`);
  const free = unlimited(granted);
  if (asked.limits && granted.limits && !free.resources) found.push(...limitExcesses(asked.limits, granted.limits));
  if (!free.scheduling) found.push(...scheduleExcesses(asked.schedule, granted.lowestNice));
  return found;
}

/**
 * Reads /proc/PID/status (proc(5)) and the text of attr/current. Throws when a line that decides is not there. `more`: what
 * is said elsewhere. Pure.
 */
export function parseGranted(
  status: string,
  label: string,
  more: Pick<Granted, 'limits' | 'lowestNice'> = { lowestNice: 0 },
): Granted {
  const line = (name: string): string => {
    const value = new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1];
    if (value === undefined) throw new Error(`/proc/PID/status has no line ${name}`);
    return value;
  };
  const numbers = (name: string) => line(name).split(/\s+/).filter(Boolean).map(Number);
  const filtered = line('Seccomp') === '2';
  // Kernels before 5.9 do not count them.
  const filters = /^Seccomp_filters:\s*(\d+)/m.exec(status)?.[1] ?? '1';
  return {
    ...more,
    bounding: capabilitiesIn(status, 'CapBnd'),
    permitted: capabilitiesIn(status, 'CapPrm'),
    uids: numbers('Uid'),
    gids: [...numbers('Gid'), ...numbers('Groups')],
    noNewPrivileges: line('NoNewPrivs') === '1',
    seccompFilters: filtered ? Number(filters) : 0,
    profile: profileIn(label),
  };
}

/** The profile as CRIU records it (criu/lsm.c): without the mode behind it, and none when unconfined. */
function profileIn(label: string): string {
  const [name = ''] = label.replace(/\0.*$/s, '').trim().split(' ');
  return name === 'unconfined' || name === 'kernel' ? '' : name;
}

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { identify, kill, type ProcessId } from './processes.ts';
import { sleep } from './run.ts';

/** One mounted cgroup v1 hierarchy. */
export interface Hierarchy {
  readonly folder: string;
  /** What `mount -t cgroup -o` takes to mount it again, for instance `memory` or `none,name=systemd`. */
  readonly mountOptions: string;
}

const parent = 'kubectl-migrate-lab';

/** The cgroup v1 hierarchies named in the text of /proc/self/mountinfo. */
export function hierarchiesIn(mountinfo: string): Hierarchy[] {
  // By folder: of several mounts on one folder the last is the one that is seen.
  const found = new Map<string, Hierarchy>();
  for (const line of mountinfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const [type, , options = ''] = right.split(' ');
    const folder = left.split(' ')[4];
    if (type !== 'cgroup' || folder === undefined) continue;
    const controllers = options.split(',').filter((word) => !['rw', 'ro', 'xattr', 'clone_children'].includes(word));
    const named = controllers.find((word) => word.startsWith('name='));
    found.set(folder, { folder, mountOptions: named === undefined ? controllers.join(',') : `none,${named}` });
  }
  return [...found.values()];
}

/** The cgroup v1 hierarchies of this machine; none on a machine that has cgroup v2 alone. */
export function hierarchies(): Hierarchy[] {
  return hierarchiesIn(readFileSync('/proc/self/mountinfo', 'utf8'));
}

/** The lab's folder for a node (or other member) in each hierarchy, whether or not it exists. */
function groupsOf(member: string): string[] {
  return hierarchies().map(({ folder }) => path.join(folder, parent, member));
}

/** Makes a member's cgroups in every hierarchy. Idempotent. */
export function makeGroups(member: string): void {
  for (const { folder } of hierarchies()) {
    for (const group of [path.join(folder, parent), path.join(folder, parent, member)]) {
      mkdirSync(group, { recursive: true });
      if (!existsSync(path.join(group, 'cpuset.cpus'))) continue;
      for (const file of ['cpuset.cpus', 'cpuset.mems']) {
        writeFileSync(path.join(group, file), readFileSync(path.join(path.dirname(group), file)));
      }
      writeFileSync(path.join(group, 'cgroup.clone_children'), '1');
    }
  }
}

/**
 * Command that moves itself into a member's cgroups and then becomes another command, so that no process of the
 * member ever runs outside of them.
 */
export function insideGroups(member: string, command: readonly string[]): [string, string[]] {
  const join = groupsOf(member).map((group) => `echo $$ >${group}/cgroup.procs`);
  return ['/bin/sh', ['-c', `set -e; ${join.join('; ')}; exec "$@"`, 'sh', ...command]];
}

/** Every process in any of the lab's cgroups, or in those of one member. */
export function labProcesses(member = ''): ProcessId[] {
  const found = new Map<number, ProcessId>();
  for (const { folder } of hierarchies()) {
    for (const group of groupsBelow(path.join(folder, parent, member))) {
      for (const line of readLines(path.join(group, 'cgroup.procs'))) {
        const id = identify(Number(line));
        if (id !== undefined) found.set(id.pid, id);
      }
    }
  }
  return [...found.values()];
}

/**
 * Ends every process in the lab's cgroups and removes these cgroups. Idempotent.
 * @throws when processes or groups are still there after 20 s.
 */
export async function removeGroups(): Promise<void> {
  const end = Date.now() + 20_000;
  for (;;) {
    const processes = labProcesses();
    for (const id of processes) kill(id);
    const left =
      processes.length > 0
        ? ['processes']
        : hierarchies().flatMap(({ folder }) => removeTree(path.join(folder, parent)));
    if (left.length === 0) return;
    if (Date.now() > end) throw new Error(`the lab's cgroups do not go away: ${left.slice(0, 3).join(', ')}`);
    await sleep(20);
  }
}

function removeTree(group: string): string[] {
  return groupsBelow(group)
    .reverse()
    .filter((folder) => {
      try {
        rmdirSync(folder);
        return false;
      } catch {
        return existsSync(folder);
      }
    });
}

/** A group and all below it, outer before inner. */
function groupsBelow(group: string): string[] {
  try {
    const inner = readdirSync(group, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [group, ...inner.flatMap((entry) => groupsBelow(path.join(group, entry.name)))];
  } catch {
    return [];
  }
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

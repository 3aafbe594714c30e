import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { capabilitySet } from '../../src/helper/capabilities.ts';
import { HelperFailure } from '../../src/helper/failure.ts';
import { outline } from '../../src/helper/files/outline.ts';
import { run } from '../../src/helper/image/run.ts';
import { compiledNative } from '../../src/helper/image/toolchain.ts';
import { parseMountInfo } from '../../src/helper/mounts.ts';
import type { Granted } from '../../src/helper/trust/credentials.ts';
import { CriuImages, type Named } from '../../src/helper/trust/criu-image.ts';
import { unprivilegedPortsFrom } from '../../src/helper/trust/descriptors.ts';
import { filtersIn, parseFilters, withFilters } from '../../src/helper/trust/filters.ts';
import { rehearseFit, withoutCapabilities } from '../../src/helper/trust/fit.ts';
import { coreExcesses, rehearseGuard, tasksIn } from '../../src/helper/trust/guard.ts';
import { parseLimits, withinLimits, withinTurn } from '../../src/helper/trust/limits.ts';
import {
  BESIDE_PLACEHOLDER,
  type GrantedMounts,
  grantedMounts,
  mountExcesses,
  withGrantedMounts,
} from '../../src/helper/trust/mounts.ts';
import { namespaceExcesses } from '../../src/helper/trust/namespaces.ts';
import { criuImage } from '../support/criu-image.ts';
import { filesImage, forge, forgeCore, labDescriptor } from '../support/criu-images.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// Images of a restricted Python program (user 1000, no capabilities, seccomp RuntimeDefault), dumped on a lab's node.
const fixture = (name: string): Named => ({
  name,
  data: readFileSync(path.join(import.meta.dirname, '../fixtures/criu-images', name)),
});
const restricted: Granted = {
  bounding: 0n,
  permitted: 0n,
  lowestNice: 0,
  uids: [1000],
  gids: [1000, 2000],
  noNewPrivileges: true,
  seccompFilters: 1,
  profile: '',
};

/** Takes a filter that loads 1, then one that loads 2, both of which allow everything; ends with 7 when stdin does. */
const FILTERED = `
#include <linux/filter.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(void) {
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  for (int at = 1; at <= 2; at++) {
    struct sock_filter code[] = {{BPF_LD | BPF_IMM, 0, 0, at}, {BPF_RET | BPF_K, 0, 0, 0x7fff0000}};
    struct sock_fprog program = {2, code};
    if (prctl(PR_SET_SECCOMP, 2, &program, 0, 0)) return 1;
  }
  char byte = '.';
  if (write(1, &byte, 1) != 1) return 1;
  while (read(0, &byte, 1) > 0) {}
  return 7;
}
`;

describe('images of CRIU, read by its own definitions', () => {
  let descriptor: string;
  let images: CriuImages;
  beforeAll(async () => {
    descriptor = await labDescriptor();
    images = new CriuImages(descriptor);
  });

  const asked = (cores: readonly Named[]) =>
    coreExcesses(images, { cores, seccomp: fixture('seccomp.img') }, restricted);

  it('of a restricted program ask for nothing more', () => {
    expect(asked([fixture('core-1.img'), fixture('core-6.img')])).toEqual([]);
  });

  it('can be read before there are any', () => {
    rehearseFit(images, process.pid);
    rehearseGuard(images, process.pid);
  });

  it('that were made to ask for more are seen through', () => {
    const { name, data } = fixture('core-1.img');
    const forged = forgeCore(descriptor, data, ({ thread_core }) => {
      Object.assign(thread_core.creds, { cap_eff: [0xffffffff, 0xff], euid: 0, no_new_privs: 0 });
      thread_core.seccomp_mode = 0;
    });
    expect(asked([{ name, data: forged }, fixture('core-6.img')])).toEqual([
      expect.stringMatching(/^core-1.img: capabilities CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH/),
      'core-1.img: user 0',
      'core-1.img: new privileges (no_new_privs is not set)',
      'core-1.img: system calls without a seccomp filter',
      // Its filter was the leader's.
      'core-6.img: system calls without a seccomp filter',
    ]);
  });

  describe('and the seccomp filter of the target', () => {
    const ALLOW = Buffer.from([6, 0, 0, 0, 0, 0, 0xff, 0x7f]);
    const cores = [fixture('core-1.img'), fixture('core-6.img')];
    const own = () => filtersIn(images, fixture('seccomp.img')).map(({ filter }) => Buffer.from(filter));
    type Filters = { seccomp_filters: { filter: Buffer; prev?: number; flags: number }[] };
    const forgedFilters = (change: (filters: Filters['seccomp_filters']) => void) => ({
      name: 'seccomp.img',
      data: forge<Filters>(descriptor, 'seccomp_entry', fixture('seccomp.img').data, ([entry]) => {
        change(entry?.seccomp_filters ?? []);
      }),
    });
    const unfiltered = (names: readonly string[]) =>
      names.map((name) => `${name}: system calls without a seccomp filter`);
    const forgedCore = (change: Parameters<typeof forgeCore>[2]) => ({
      name: 'core-1.img',
      data: forgeCore(descriptor, fixture('core-1.img').data, change),
    });

    it('a task has it when its first filter is that one, whatever follows', () => {
      expect(coreExcesses(images, { cores, seccomp: fixture('seccomp.img') }, restricted, own())).toEqual([]);
      const longer = forgedFilters((filters) => {
        Object.assign(filters[0] ?? {}, { prev: 1 });
        filters.push({ filter: ALLOW, flags: 1 });
      });
      expect(coreExcesses(images, { cores, seccomp: longer }, restricted, own())).toEqual([]);
    });

    it('a task lacks it by what CRIU takes from fields of old images', () => {
      for (const fields of [{ old_seccomp_mode: 0 }, { old_seccomp_mode: 2, old_seccomp_filter: 0 }]) {
        const old = forgedCore(({ tc }) => Object.assign(tc ?? {}, fields));
        expect(coreExcesses(images, { cores: [old], seccomp: fixture('seccomp.img') }, restricted)).toEqual(
          unfiltered(['core-1.img']),
        );
      }
    });

    it('a task lacks it with another one in its place, out of the list, in a circle, or not for its threads', () => {
      const other = forgedFilters((filters) => Object.assign(filters[0] ?? {}, { filter: ALLOW }));
      const circle = forgedFilters((filters) => Object.assign(filters[0] ?? {}, { prev: 0 }));
      for (const seccomp of [other, circle])
        expect(coreExcesses(images, { cores, seccomp }, restricted, own())).toEqual(
          unfiltered(['core-1.img', 'core-6.img']),
        );
      const out = forgedCore(({ thread_core }) => Object.assign(thread_core, { seccomp_filter: 1 }));
      expect(coreExcesses(images, { cores: [out], seccomp: fixture('seccomp.img') }, restricted)).toEqual(
        unfiltered(['core-1.img']),
      );
      const alone = forgedFilters((filters) => Object.assign(filters[0] ?? {}, { flags: 0 }));
      expect(coreExcesses(images, { cores, seccomp: alone }, restricted, own())).toEqual(unfiltered(['core-6.img']));
      const listener = forgedFilters((filters) => Object.assign(filters[0] ?? {}, { flags: 9 }));
      expect(coreExcesses(images, { cores, seccomp: listener }, restricted, own())).toEqual(
        unfiltered(['core-1.img', 'core-6.img']),
      );
      const two = { ...restricted, seccompFilters: 2 };
      expect(coreExcesses(images, { cores, seccomp: fixture('seccomp.img') }, two)).toEqual(
        unfiltered(['core-1.img', 'core-6.img']),
      );
    });

    it('is given to the tasks of a runtime that has another one, beside those of the program', () => {
      const tasks = tasksIn(images, cores).map(({ task }) => task.thread_core);
      const image = fixture('seccomp.img');
      expect(withFilters(images, image, tasks, own())).toBe(image.data);
      const theirs = forgedFilters((filters) => {
        Object.assign(filters[0] ?? {}, { filter: ALLOW, prev: 1 });
        filters.push({ filter: ALLOW, flags: 1 });
      });
      const data = withFilters(images, theirs, tasks, own());
      expect(filtersIn(images, { ...image, data }).map(({ filter }) => Buffer.from(filter))).toEqual([...own(), ALLOW]);
      expect(coreExcesses(images, { cores, seccomp: { ...image, data } }, restricted, own())).toEqual([]);
    });

    it('is read from a process by the kernel, the first one first', async () => {
      const folder = temporaryFolder();
      const [filters, filtered] = [path.join(folder, 'filters'), path.join(folder, 'filtered')];
      writeFileSync(`${filtered}.c`, FILTERED);
      await compiledNative(['filters.c'], filters);
      await run('gcc', ['-o', filtered, `${filtered}.c`]);
      const child = spawn(filtered, { stdio: ['pipe', 'pipe', 'inherit'] });
      await once(child.stdout, 'data');
      const { stdout, stderr, status } = spawnSync(filters, [String(child.pid)]);
      expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' });
      expect(parseFilters(stdout).map((filter) => [filter.length, filter.readUInt32LE(4)])).toEqual([
        [16, 1],
        [16, 2],
      ]);
      expect(() => parseFilters(stdout.subarray(0, -1))).toThrow(RangeError);
      // It goes on as if nothing had been.
      child.stdin.end();
      expect(await once(child, 'exit')).toEqual([7, null]);
    });
  });

  it('of a runtime that gives more can do with what another one gives', () => {
    const { name, data } = fixture('core-1.img');
    const ofContainerd = forgeCore(descriptor, data, ({ thread_core }) => {
      const all = [Number(capabilitySet(['CHOWN', 'NET_RAW', 'SETFCAP'])), 0];
      Object.assign(thread_core.creds, { cap_eff: all, cap_prm: all, cap_bnd: all });
    });
    const chown = capabilitySet(['CHOWN']);
    const granted = { ...restricted, bounding: chown, permitted: chown };
    const image = { name, data: ofContainerd };
    const seccomp = fixture('seccomp.img');
    expect(coreExcesses(images, { cores: [image], seccomp }, granted)).toEqual([
      'core-1.img: capabilities NET_RAW, SETFCAP',
    ]);
    const some = withoutCapabilities(images, image, capabilitySet(['NET_RAW']));
    expect(coreExcesses(images, { cores: [{ name, data: some }], seccomp }, granted)).toEqual([
      'core-1.img: capabilities SETFCAP',
    ]);
    const less = withoutCapabilities(images, image, capabilitySet(['NET_RAW', 'SETFCAP']));
    expect(coreExcesses(images, { cores: [{ name, data: less }], seccomp }, granted)).toEqual([]);
    expect(withoutCapabilities(images, { name, data: less }, capabilitySet(['NET_RAW']))).toBe(less);
  });

  describe('and what the target has of its node', () => {
    const image = fixture('core-1.img');
    const limits = parseLimits(fixture('limits.txt').data.toString(), '996\n');
    const found = (data: Buffer) =>
      coreExcesses(images, { cores: [{ ...image, data }], seccomp: fixture('seccomp.img') }, { ...restricted, limits });
    const [NPROC, NOFILE] = [6, 7];

    it('is enough for a program that had no more', () => {
      expect(limits).toEqual({
        hard: expect.arrayContaining([96365, 20000, Number.POSITIVE_INFINITY]) as number[],
        oomScoreAdj: 996,
      });
      expect(limits.hard).toHaveLength(16);
      expect(found(image.data)).toEqual([]);
      expect(withinLimits(images, image, limits)).toBe(image.data);
    });

    it('is all that a task has of it that had more', () => {
      const more = forgeCore(descriptor, image.data, ({ tc }) => {
        Object.assign(tc?.rlimits?.rlimits[NPROC] ?? {}, { cur: 96366, max: 96366 });
        Object.assign(tc?.rlimits?.rlimits[NOFILE] ?? {}, { cur: 10, max: 2 ** 40 });
        Object.assign(tc ?? {}, { oom_score_adj: -997 });
      });
      expect(found(more)).toEqual(['core-1.img: limits NPROC, NOFILE', 'core-1.img: an oom_score_adj of -997']);
      const data = withinLimits(images, { ...image, data: more }, limits);
      expect(found(data)).toEqual([]);
      let left: unknown;
      forgeCore(descriptor, data, ({ tc }) => {
        left = [NPROC, NOFILE].map((at) => String(tc?.rlimits?.rlimits[at]?.cur));
      });
      expect(left).toEqual(['96365', '10']);
      const resource = capabilitySet(['SYS_RESOURCE']);
      const may = { ...restricted, limits, bounding: resource, permitted: resource };
      expect(coreExcesses(images, { cores: [{ ...image, data: more }], seccomp: fixture('seccomp.img') }, may)).toEqual(
        [],
      );
    });

    it('is a turn among others, not before them', () => {
      const before = forgeCore(descriptor, image.data, ({ thread_core }) => {
        Object.assign(thread_core, { sched_policy: 1, sched_prio: 99, sched_nice: -20 });
      });
      expect(found(before)).toEqual([
        'core-1.img: to run before all others (scheduling policy 1)',
        'core-1.img: a nice value of -20',
      ]);
      const data = withinTurn(images, { ...image, data: before }, 0);
      expect(found(data)).toEqual([]);
      expect(withinTurn(images, { ...image, data }, 0)).toBe(data);
      const nice = capabilitySet(['SYS_NICE']);
      const may = { ...restricted, limits, bounding: nice, permitted: nice };
      expect(
        coreExcesses(images, { cores: [{ ...image, data: before }], seccomp: fixture('seccomp.img') }, may),
      ).toEqual([]);
    });

    it('is not had by a task whose image says nothing of limits', () => {
      const silent = forgeCore(descriptor, image.data, ({ tc }) => void tc?.rlimits?.rlimits.splice(8));
      expect(found(silent)).toEqual([expect.stringMatching(/limits MEMLOCK, AS/)]);
    });
  });

  it('of a process that has ended and was not asked for ask for nothing, and of another one without credentials are damaged', () => {
    const image = fixture('core-1.img');
    const ended = (task_state: number) => ({
      name: image.name,
      data: forgeCore(descriptor, image.data, (core) => {
        Object.assign(core.tc ?? {}, { task_state });
        delete (core as Partial<typeof core>).thread_core;
      }),
    });
    expect(coreExcesses(images, { cores: [ended(2)] }, restricted)).toEqual([]);
    expect(() => coreExcesses(images, { cores: [ended(1)] }, restricted)).toThrow(/damaged/);
  });

  describe('and namespaces', () => {
    type Ids = Record<string, number>;
    const mounts = ['mountpoints-13.img'];
    const tasks = [fixture('ids-1.img')];
    const inventories = [fixture('inventory.img')];
    const OUTSIDE = { net_ns_id: 2, ipc_ns_id: 3, uts_ns_id: 4 };
    const network = (id: number, ext_key?: string) => ({
      name: `netns-${id}.img`,
      data: criuImage('netns_entry', [{ ext_key }], descriptor),
    });
    const forgedIds = (name: string, change: Ids) => ({
      name,
      data: forge<Ids>(descriptor, 'task_kobj_ids_entry', fixture('ids-1.img').data, ([ids]) => {
        Object.assign(ids ?? {}, change);
      }),
    });
    const found = (more: Partial<Parameters<typeof namespaceExcesses>[1]>) =>
      namespaceExcesses(images, { tasks, inventories, networks: [network(10, 'extNetNs')], mounts, ...more });

    it('are those of a container', () => {
      expect(found({})).toEqual([]);
    });

    it('are refused beyond those', () => {
      expect(found({ tasks: [forgedIds('ids-1.img', { user_ns_id: 20 })] })).toEqual(['a user namespace of its own']);
      expect(found({ tasks: [forgedIds('ids-1.img', { pid_ns_id: 1 })] })).toEqual(['no PID namespace of its own']);
      expect(found({ tasks: [...tasks, forgedIds('ids-7.img', { net_ns_id: 20, mnt_ns_id: 21 })] })).toEqual([
        'ids-7.img: a network namespace of its own',
        'ids-7.img: a mount namespace of its own',
      ]);
      for (const [kind, name] of [
        ...[['net_ns_id', 'network'] as const, ['ipc_ns_id', 'IPC'] as const, ['uts_ns_id', 'UTS'] as const],
      ]) {
        const outside = OUTSIDE[kind];
        const shared = found({
          tasks: [forgedIds('ids-1.img', { [kind]: outside })],
          networks: [network(OUTSIDE.net_ns_id, 'x')],
        });
        expect(shared).toContain(`no ${name} namespace of its own`);
      }
      expect(found({ tasks: [...tasks, forgedIds('ids-7.img', { cgroup_ns_id: 20 })] })).toEqual([
        'ids-7.img: a cgroup namespace of its own',
      ]);
      const unnamed = 'a network namespace that is not the pod’s';
      expect(found({ networks: [] })).toEqual([unnamed]);
      expect(found({ networks: [network(10)] })).toEqual([unnamed, 'netns-10.img: a network namespace of its own']);
      expect(found({ networks: [network(10, 'extNetNs'), network(20, 'extNetNs')] })).toEqual([
        'netns-20.img: a network namespace of its own',
      ]);
      expect(found({ mounts: [...mounts, 'mountpoints-21.img'] })).toEqual([
        'mountpoints-21.img: a mount namespace of its own',
      ]);
      const shared = forge<{ root_ids: Ids }>(descriptor, 'inventory_entry', fixture('inventory.img').data, ([all]) => {
        Object.assign(all?.root_ids ?? {}, { mnt_ns_id: 13 });
      });
      expect(found({ inventories: [{ name: 'inventory.img', data: shared }] })).toEqual([
        'no mount namespace of its own',
      ]);
      for (const nothing of [{ tasks: [] }, { inventories: [] }])
        expect(found(nothing)).toEqual(['no namespaces are named']);
    });
  });

  describe('and the mounts of the target', () => {
    interface Mount {
      mnt_id: number;
      parent_mnt_id: number;
      root_dev: number;
      fstype: number;
      flags: number;
      sb_flags?: number;
      root: string;
      mountpoint: string;
      ext_key?: string;
      with_plugin?: boolean;
      shared_id?: number;
    }
    const image = fixture('mountpoints-13.img');
    const lines = fixture('mountinfo.txt').data.toString();
    const granted = grantedMounts(parseMountInfo(lines));
    const forged = (change: (mounts: Mount[], at: (point: string) => Mount) => void) => ({
      name: 'mountpoints-13.img',
      data: forge<Mount>(descriptor, 'mnt_entry', image.data, (mounts) =>
        change(mounts, (point) => {
          const found = mounts.find(({ mountpoint }) => mountpoint === point);
          if (!found) throw new Error(`no mount at ${point}`);
          return found;
        }),
      ),
    });
    const without = (point: string) => forged((mounts, at) => void mounts.splice(mounts.indexOf(at(point)), 1));
    const found = (named: Named, limits: GrantedMounts = granted) =>
      mountExcesses(images, named, limits, BESIDE_PLACEHOLDER).map((what) => what.replace('mountpoints-13.img: ', ''));

    it('are the same for a program that was moved, and nothing is changed but that it shares no events', () => {
      expect(found(image)).toEqual([]);
      const { data, added } = withGrantedMounts(images, image, granted);
      expect(added).toEqual([]);
      expect(found({ ...image, data })).toEqual([]);
      expect(withGrantedMounts(images, { ...image, data }, granted).data).toBe(data);
    });

    it.each<[string, (mounts: Mount[], at: (point: string) => Mount) => void, string[]]>([
      [
        'one of a device that CRIU is told of',
        (_, at) => Object.assign(at('/etc/hosts'), { ext_key: 'CRIU:EXTERNAL_DEV' }),
        ['a mount of its own at /etc/hosts'],
      ],
      [
        'another one of the container',
        (_, at) => Object.assign(at('/proc/sys'), { ext_key: '/etc' }),
        ['a mount of its own at /proc/sys'],
      ],
      ['one by a plugin', (_, at) => Object.assign(at('/sys'), { with_plugin: true }), ['a mount of its own at /sys']],
      [
        'one as old images say it',
        (_, at) => Object.assign(at('/sys'), { ext_mount: true }),
        ['a mount of its own at /sys'],
      ],
      [
        'one at a place of its own',
        (mounts, at) => mounts.push({ ...at('/sys'), mnt_id: 9000, mountpoint: '/x', ext_key: '/x' }),
        ['a mount of its own at /x'],
      ],
      [
        'a root of its own',
        (_, at) => Object.assign(at('/'), { mountpoint: './' }),
        ['a mount of its own at ./', 'no mount at /'],
      ],
      ['sysfs as procfs', (_, at) => Object.assign(at('/proc'), { fstype: 2 }), ['a mount of its own at /proc']],
      ['procfs twice', (mounts, at) => mounts.push({ ...at('/proc'), mnt_id: 9000 }), ['several mounts at /proc']],
      [
        'all of procfs where a part was',
        (_, at) => Object.assign(at('/proc/sys'), { root: '/' }),
        ['the mount at /proc/sys as the one at /proc'],
      ],
      [
        'all of procfs with the flags of a part, which CRIU would then bind as it lies',
        (_, at) => Object.assign(at('/proc'), { flags: at('/proc/sys').flags }),
        ['the mount at /proc with more limits than it has', 'the mount at /proc/sys as the one at /proc'],
      ],
      [
        'parts of procfs as parts of each other',
        (_, at) => {
          Object.assign(at('/proc/sys'), { root_dev: 0xabcdef });
          Object.assign(at('/proc/bus'), { root_dev: 0xabcdef, root: '/' });
        },
        ['the mount at /proc/sys as the one at /proc/bus'],
      ],
      [
        'a part of procfs as one of a volume',
        (_, at) => {
          Object.assign(at('/proc/sys'), { root_dev: 0xabcdef });
          Object.assign(at('/etc/hosts'), { root_dev: 0xabcdef, flags: at('/proc/sys').flags });
        },
        ['the mount at /proc/sys as the one at /etc/hosts'],
      ],
      [
        'flags as old images have them',
        (_, at) => void delete at('/proc/sys').sb_flags,
        ['the mount at /proc/sys with flags that no mount has'],
      ],
      [
        'flags by which mount(2) would bind a source',
        (_, at) => Object.assign(at('/proc'), { sb_flags: 0x1000 }),
        ['the mount at /proc with flags that no mount has'],
      ],
      [
        'a mask beneath what it masks',
        (_, at) => Object.assign(at('/proc/sys'), { parent_mnt_id: at('/').mnt_id }),
        ['the mount at /proc/sys beneath another one'],
      ],
    ])('are not: %s', (_name, change, what) => {
      expect(found(forged(change))).toEqual(expect.arrayContaining(what));
    });

    it('are given the limits and masks of the target where they lack them', () => {
      const open = forged((_, at) => {
        at('/proc/sys').flags &= ~1;
        at('/sys').flags &= ~6;
      });
      expect(found(open)).toEqual([
        'the mount at /proc/sys without ro',
        'the mount at /proc/sys as the one at /proc',
        'the mount at /sys without nosuid, nodev',
      ]);
      expect(found({ ...open, data: withGrantedMounts(images, open, granted).data })).toEqual([]);
      const bare = without('/sys/firmware');
      expect(found(bare)).toEqual(['no mount at /sys/firmware']);
      const { data, added } = withGrantedMounts(images, bare, granted);
      expect(added).toEqual(['/sys/firmware']);
      expect(found({ ...bare, data })).toEqual([]);
      expect(withGrantedMounts(images, { ...bare, data }, granted)).toEqual({ data, added: [] });
    });

    it('are no longer those masks of the source that the target has not', () => {
      const fewer = grantedMounts(parseMountInfo(lines).filter(({ mountPoint }) => mountPoint !== '/proc/keys'));
      expect(found(image, fewer)).toEqual(['a mount of its own at /proc/keys']);
      const { data } = withGrantedMounts(images, image, fewer);
      expect(found({ ...image, data }, fewer)).toEqual([]);
      expect(found({ ...image, data })).toEqual(['no mount at /proc/keys']);
    });

    it('share nothing with the node, and are else as they were', () => {
      const sharing = forged((_, at) => {
        Object.assign(at('/etc/hosts'), { shared_id: 7 });
        Object.assign(at('/'), { master_id: 8 });
      });
      expect(found(sharing)).toEqual([
        'the mount at /etc/hosts with the node’s in it',
        'the mount at / with the node’s in it',
      ]);
      const { data } = withGrantedMounts(images, sharing, granted);
      expect(data).not.toBe(sharing.data);
      expect(found({ ...sharing, data })).toEqual([]);
      expect(withGrantedMounts(images, { ...sharing, data }, granted).data).toBe(data);
    });

    it('are with a runtime’s mark what the mark makes of them', () => {
      const mark = '/run/.containerenv';
      const marked = forged((mounts, at) => {
        mounts.push({ ...at('/etc/hosts'), mnt_id: 9000, mountpoint: mark, ext_key: mark });
      });
      expect(found(marked)).toEqual([`a mount of its own at ${mark}`]);
      expect(found(marked, grantedMounts(parseMountInfo(lines), [mark]))).toEqual([]);
    });
  });

  it('are looked at with the ports that everybody may bind to in a network', () => {
    const here = readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8');
    expect(unprivilegedPortsFrom(process.pid)).toBe(Number(here));
    expect(() => unprivilegedPortsFrom(2 ** 30)).toThrow(HelperFailure);
  });

  it('that have more than the definitions know of are not rewritten', () => {
    const { name, data } = fixture('core-1.img');
    const forged = forgeCore(descriptor, data, ({ thread_core }) => {
      Object.assign(thread_core.creds, { cap_eff: [1 << 13, 0] });
    });
    expect(() => withoutCapabilities(images, { name, data: forged }, capabilitySet(['NET_RAW']))).not.toThrow();
    // Field 127 of type varint, in the only entry.
    const unknown = Buffer.concat([forged, Buffer.from([0xf8, 0x07, 1])]);
    unknown.writeUInt32LE(forged.readUInt32LE(8) + 3, 8);
    expect(() => withoutCapabilities(images, { name, data: unknown }, capabilitySet(['NET_RAW']))).toThrow(
      HelperFailure,
    );
  });

  it('that are damaged are refused as such, and nothing else is thrown', () => {
    const { name, data: whole } = fixture('core-1.img');
    const damage = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), fc.nat(whole.length));
    fc.assert(
      fc.property(damage, ([at, change, length]) => {
        const data = Buffer.from(whole.subarray(0, length));
        if (at < data.length) data[at] = (data[at] ?? 0) ^ change;
        try {
          asked([{ name, data }]);
        } catch (error) {
          expect(error).toBeInstanceOf(HelperFailure);
          expect((error as HelperFailure).code).toBe('not-movable');
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('tell which files a restore will look for, and an outline of them is made where a volume is not mounted', () => {
    const home = temporaryFolder();
    const [folder, root] = [path.join(home, 'images'), path.join(home, 'root')];
    for (const each of [folder, path.join(root, 'data'), path.join(root, 'etc')]) mkdirSync(each, { recursive: true });
    const open = (id: number, name: string, mode: number, size?: number) => ({
      type: 'REG',
      id,
      reg: { id, flags: 0, pos: 0, fown: { uid: 0, euid: 0, signum: 0, pidType: 0, pid: 0 }, name, mode, size },
    });
    const entries = [
      open(1, '/data/db/base/1', 0o100600, 2 ** 33),
      open(2, '/data/db', 0o040700),
      open(3, '/data', 0o042770),
      open(4, '/etc/passwd', 0o100644, 10),
    ];
    writeFileSync(path.join(folder, 'files.img'), filesImage(descriptor, entries));
    outline(images, folder, root, ['/data']);
    const made = statSync(path.join(root, 'data/db/base/1'));
    expect({ size: made.size, blocks: made.blocks, mode: made.mode }).toEqual({
      ...{ size: 2 ** 33, blocks: 0, mode: 0o100600 },
    });
    expect(statSync(path.join(root, 'data/db')).mode).toBe(0o040700);
    expect(statSync(path.join(root, 'data')).mode).toBe(0o042770);
    // What lies elsewhere is there already, or it is not for an outline to make.
    expect(existsSync(path.join(root, 'etc/passwd'))).toBe(false);
  });
});

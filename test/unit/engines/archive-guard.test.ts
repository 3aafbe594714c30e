import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { guardArchive, rehearseArchiveGuard } from '../../../src/engines/kubelet/archive-guard.ts';
import { capabilitySet } from '../../../src/helper/capabilities.ts';
import type { Granted } from '../../../src/helper/trust/credentials.ts';
import { namespaces } from '../../fixtures/kubelet-move.ts';
import { changedImage, criuImage } from '../../support/criu-image.ts';
import { outcomeOf } from '../../support/outcome.ts';

// Images of a restricted redis (user 1234, groups 1235, 2000 and 3000, no capabilities, seccomp RuntimeDefault) out of an
// archive that kubelet had containerd 2.1.9 take on a lab's node; core-11 is one of its threads.
const FOLDER = path.join(import.meta.dirname, '../../fixtures/criu-images/containerd');
const NAMES = [
  ...(['core-1.img', 'core-11.img', 'ids-1.img', 'inventory.img', 'seccomp.img', 'mountpoints-13.img'] as const),
  // Of another container, a Node.js program.
  'cgroup.img',
];
const TABLE = 'mountpoints-13.img';
type Images = Readonly<Record<string, Buffer | undefined>>;

/** A socket at port 80, as CRIU notes it. */
function internetSocket(type: number, opts: object = {}): object {
  const isk = { id: 2, ino: 3, family: 2, proto: 6, state: 10, src_port: 80, dst_port: 0, flags: 2, backlog: 1, type };
  return { type: 4, id: 2, isk: { ...isk, fown: {}, opts } };
}

const REAL: Images = {
  ...Object.fromEntries(NAMES.map((name) => [name, readFileSync(path.join(FOLDER, name))])),
  'netns-10.img': criuImage('netns_entry', [{ ext_key: 'extRootNetNS' }]),
  'files.img': criuImage('file_entry', [{ type: 1, id: 1 }, internetSocket(1)]),
  'apparmor.img': criuImage('file_entry', []),
};

const RESTRICTED: Granted = {
  bounding: 0n,
  permitted: 0n,
  lowestNice: 0,
  uids: [1234],
  gids: [1235, 2000, 3000],
  noNewPrivileges: true,
  seccompFilters: 1,
  profile: '',
};

const seen = (fsType: string, options: string, ...points: readonly (string | readonly [string, string])[]) =>
  points.map((point) => {
    const [mountPoint, root] = typeof point === 'string' ? [point, '/'] : point;
    const sharing = fsType === 'cgroup' ? ['master:39'] : [];
    return { mountPoint, fsType, root, options: options.split(','), sharing };
  });
const CONTROLLERS = ['systemd', 'pids', 'blkio', 'freezer', 'devices', 'memory', 'cpuset', 'cpuacct', 'cpu'];
const MASKED = ['timer_list', 'keys', 'interrupts'];
const PARTS = ['bus', 'fs', 'irq', 'sys'];
/** What the helper saw of that container. */
const MOUNTS = [
  ...seen('overlay', 'rw,relatime', '/'),
  ...seen('proc', 'rw,nosuid,nodev,noexec,relatime', '/proc'),
  ...seen('tmpfs', 'rw,nosuid', '/dev', ...MASKED.map((name) => [`/proc/${name}`, '/null'] as const)),
  ...seen('tmpfs', 'rw,nosuid,nodev,noexec,relatime', '/sys/fs/cgroup'),
  ...seen('tmpfs', 'rw,relatime', '/dev/shm'),
  ...seen('devpts', 'rw,nosuid,noexec,relatime', '/dev/pts'),
  ...seen('mqueue', 'rw,nosuid,nodev,noexec,relatime', '/dev/mqueue'),
  ...seen('sysfs', 'ro,nosuid,nodev,noexec,relatime', '/sys'),
  ...seen('cgroup', 'ro,nosuid,nodev,noexec,relatime', ...CONTROLLERS.map((name) => `/sys/fs/cgroup/${name}`)),
  ...seen('ext4', 'rw,relatime', '/etc/hosts', '/dev/termination-log', '/etc/hostname', '/etc/resolv.conf'),
  ...seen('tmpfs', 'ro,relatime', '/var/run/secrets/kubernetes.io/serviceaccount', '/proc/acpi', '/sys/firmware'),
  ...seen('proc', 'ro,nosuid,nodev,noexec,relatime', ...PARTS.map((name) => [`/proc/${name}`, `/${name}`] as const)),
];

function guard(images: Images, granted = RESTRICTED, mounts = MOUNTS): void {
  const named = Object.entries(images).flatMap(([name, data]) => (data ? [{ name, data }] : []));
  guardArchive(named, granted, mounts);
}

interface Mount {
  readonly mountpoint: string;
  readonly mnt_id: number;
  readonly root_dev: number;
  readonly flags: number;
}

/** With the mounts at some paths changed, or left out. */
function withMount(at: string | readonly string[], change: ((mount: Mount) => object) | undefined): Images {
  const table = changedImage('mnt_entry', REAL[TABLE] ?? Buffer.alloc(0), (mount: Mount) =>
    [at].flat().includes(mount.mountpoint) ? change?.(mount) : mount,
  );
  return { ...REAL, [TABLE]: table };
}

/** The mount at a path, as the runtime took it. */
function mountAt(point: string): Mount {
  const found: Mount[] = [];
  changedImage('mnt_entry', REAL[TABLE] ?? Buffer.alloc(0), (mount: Mount) => {
    found.push(mount);
    return mount;
  });
  return found.find(({ mountpoint }) => mountpoint === point) ?? { mountpoint: '', mnt_id: 0, root_dev: 0, flags: 0 };
}

/** An image of a task with its thread's part changed. */
function withThread(name: string, change: (thread: Core['thread_core']) => void): Buffer {
  return changedImage('core_entry', REAL[name] ?? Buffer.alloc(0), (entry: Core) => {
    change(entry.thread_core);
    return entry;
  });
}

interface Filters {
  readonly seccomp_filters: { readonly filter: Uint8Array; readonly flags: number }[];
}

/** The only filter, as often as there are flags. */
function withFlags(...flags: readonly number[]): Buffer {
  return changedImage('seccomp_entry', REAL['seccomp.img'] ?? Buffer.alloc(0), ({ seccomp_filters }: Filters) => ({
    seccomp_filters: flags.map((each) => ({ ...seccomp_filters[0], flags: each })),
  }));
}

const filteredBy = (place: number) => (thread: Core['thread_core']) =>
  Object.assign(thread, { seccomp_mode: 2, seccomp_filter: place });

interface Cgroups {
  readonly sets: { readonly ctls: { name: string; path: string; cgns_prefix?: number }[] }[];
  readonly controllers: { cnames: string[]; dirs: { dir_name: string; dir_perms: object }[] }[];
}

/** With another account of the container's cgroups. */
function withCgroups(change: (cgroups: Cgroups) => void): Images {
  const image = changedImage('cgroup_entry', REAL['cgroup.img'] ?? Buffer.alloc(0), (entry: Cgroups) => {
    change(entry);
    return entry;
  });
  return { ...REAL, 'cgroup.img': image };
}

/** The head of a field of that number that is so many bytes long, as protobuf has it. */
function head(number: number, bytes: number): Buffer {
  const length: number[] = [];
  for (let rest = bytes; rest > 0 || length.length === 0; rest = Math.floor(rest / 128))
    length.push((rest % 128) | (rest >= 128 ? 128 : 0));
  return Buffer.of((number << 3) | 2, ...length);
}

/** A directory within a directory, and so on. */
function nestedCgroups(depth: number): Buffer {
  const heads: Buffer[] = [];
  let bytes = 0;
  for (let each = 0; each < depth; each++) bytes += heads[heads.push(head(2, bytes)) - 1]?.length ?? 0;
  const entry = Buffer.concat([head(2, bytes), ...heads.reverse()]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(entry.length);
  return Buffer.concat([(REAL['cgroup.img'] ?? Buffer.alloc(0)).subarray(0, 8), length, entry]);
}

/** With another cgroup of one controller, said in both places. */
const withCgroup = (path: string) =>
  withCgroups(({ sets, controllers }) => {
    for (const each of sets[0]?.ctls ?? []) if (each.name === 'memory') each.path = path;
    for (const { cnames, dirs } of controllers) if (cnames[0] === 'memory' && dirs[0]) dirs[0].dir_name = path.slice(1);
  });

const refusedFor = (why: RegExp) => expect.objectContaining({ code: 'F347', detail: expect.stringMatching(why) });

describe('the processes in an archive', () => {
  it('pass as a runtime took them, where the pod grants what they have', () => {
    expect(() => guard(REAL)).not.toThrow();
  });

  it.each<[string, Partial<Granted>, RegExp]>([
    ['another user', { uids: [1000] }, /core-1\.img: user 1234/],
    ['another group', { gids: [1235, 2000] }, /group 3000/],
  ])('are refused where the pod has them run as %s', (_name, less, why) => {
    expect(() => guard(REAL, { ...RESTRICTED, ...less })).toThrow(refusedFor(why));
  });

  it('are compared ahead with samples of all that is looked at', () => {
    expect(() => rehearseArchiveGuard(RESTRICTED)).not.toThrow();
  });

  it('pass where their cgroup is the root of a namespace', () => {
    const whole = withCgroups(({ sets }) => {
      for (const each of sets[0]?.ctls ?? []) each.cgns_prefix = each.path.length;
    });
    expect(() => guard(whole)).not.toThrow();
  });

  // CRIU makes directories of these names as root, chowns them, and puts processes there.
  it.each<[string, Images, RegExp]>([
    ['a path that climbs', withCgroup('/kubepods/../../../etc'), /more than one cgroup/],
    [
      'a directory that climbs',
      withCgroups(({ controllers: [first] }) => {
        if (first?.dirs[0]) first.dirs[0].dir_name = '../../etc';
      }),
      /more than one cgroup/,
    ],
    [
      'the cgroup of all',
      withCgroups(({ sets }) => {
        for (const each of sets[0]?.ctls ?? []) each.path = '/';
      }),
      /more than one cgroup/,
    ],
    [
      'a prefix that is longer than the path',
      withCgroups(({ sets }) => {
        for (const each of sets[0]?.ctls ?? []) each.cgns_prefix = 4096;
      }),
      /more than one cgroup/,
    ],
    [
      'a second cgroup',
      withCgroups(({ sets }) => {
        if (sets[0]) sets.push({ ...sets[0] });
      }),
      /more than one cgroup/,
    ],
    [
      'a cgroup within',
      withCgroups(({ controllers }) => {
        for (const { dirs } of controllers) Object.assign(dirs[0] ?? {}, { children: [{ dir_name: '../..' }] });
      }),
      /more than one cgroup/,
    ],
    ['cgroups within each other', { ...REAL, 'cgroup.img': nestedCgroups(100_000) }, /cannot be read/],
    [
      'a second directory',
      withCgroups(({ controllers: [first] }) => {
        if (first?.dirs[0]) first.dirs.push({ ...first.dirs[0], dir_name: '../../etc' });
      }),
      /more than one cgroup/,
    ],
    [
      'a cgroup that somebody else owns',
      withCgroups(({ controllers: [first] }) => {
        if (first?.dirs[0]) first.dirs[0].dir_perms = { mode: 0o755, uid: 1234, gid: 0 };
      }),
      /a cgroup that is not root’s/,
    ],
    [
      'a controller whose name climbs',
      withCgroups(({ sets, controllers: [first] }) => {
        const [before] = first?.cnames ?? [];
        if (first) first.cnames = ['../../etc'];
        for (const each of sets[0]?.ctls ?? []) if (each.name === before) each.name = '../../etc';
      }),
      /a controller of another name/,
    ],
    [
      'a controller that no process is in',
      withCgroups(({ controllers: [first] }) => {
        if (first) first.cnames = ['rdma'];
      }),
      /no cgroup of rdma/,
    ],
  ])('are refused with %s', (_name, images, why) => {
    expect(() => guard(images)).toThrow(refusedFor(why));
  });

  it.each<[string, Images, RegExp]>([
    ['no process', { ...REAL, 'core-1.img': Buffer.alloc(0) }, /cannot be read/],
    [
      'policies of AppArmor',
      { ...REAL, 'apparmor.img': criuImage('netns_entry', [{ ext_key: 'any' }]) },
      /apparmor\.img: policies of AppArmor/,
    ],
    ['open files as old images have them', { ...REAL, 'files.img': undefined }, /no open files/],
    ['no core', { [TABLE]: REAL[TABLE] ?? Buffer.alloc(0) }, /it has no process/],
    ['no table of mounts', { 'core-1.img': REAL['core-1.img'] ?? Buffer.alloc(0) }, /it has 0 tables of mounts/],
    ['two tables of mounts', { ...REAL, 'mountpoints-14.img': REAL[TABLE] ?? Buffer.alloc(0) }, /it has 2 tables/],
    ['a user namespace', { ...REAL, 'ids-1.img': namespaces({ user_ns_id: 14 }) }, /user namespace of its own/],
    ['the node’s network', { ...REAL, 'ids-1.img': namespaces({ net_ns_id: 2 }) }, /no network namespace of its own/],
    [
      'a network namespace that CRIU would make',
      { ...REAL, 'netns-10.img': criuImage('netns_entry', [{}]) },
      /a network namespace that is not the pod’s/,
    ],
    ['the node’s processes', { ...REAL, 'ids-1.img': namespaces({ pid_ns_id: 1 }) }, /no PID namespace of its own/],
  ])('are refused with %s', (_name, images, why) => {
    expect(() => guard(images)).toThrow(refusedFor(why));
  });

  it('have as root what the pod grants, and not as a user that no_new_privs keeps from it', () => {
    const DEFAULTS = 0xa80425fb;
    const rooted = withThread('core-1.img', ({ creds }) => {
      Object.assign(creds, { uid: 0, euid: 0, cap_prm: [DEFAULTS, 0], cap_eff: [DEFAULTS, 0], cap_bnd: [DEFAULTS, 0] });
    });
    const images = { ...REAL, 'core-1.img': rooted };
    const root = { ...RESTRICTED, uids: [0, 1234], bounding: BigInt(DEFAULTS), permitted: BigInt(DEFAULTS) };
    expect(() => guard(images, root)).not.toThrow();
    const user = { ...root, uids: [1234], permitted: 0n };
    expect(() => guard(images, user)).toThrow(refusedFor(/core-1\.img: capabilities CHOWN, .*; core-1\.img: user 0/));
  });

  it('each have a filter of system calls of their own, or the leader’s, and not both in one process', () => {
    const thread = withThread('core-11.img', filteredBy(1));
    const own = { ...REAL, 'core-11.img': thread, 'seccomp.img': withFlags(0, 0) };
    expect(() => guard(own)).not.toThrow();
    const why = refusedFor(/: core-1\.img: system calls without a seccomp filter$/);
    expect(() => guard({ ...own, 'seccomp.img': withFlags(1, 0) })).toThrow(why);
    // Of another process they say nothing.
    const second = withThread('core-1.img', filteredBy(1));
    const both = { ...REAL, 'core-20.img': second, 'core-21.img': withThread('core-11.img', filteredBy(1)) };
    const pstree = criuImage('pstree_entry', [
      { pid: 1, ppid: 0, pgid: 1, sid: 1, threads: [1, 11] },
      { pid: 20, ppid: 1, pgid: 1, sid: 1, threads: [20, 21] },
    ]);
    expect(() => guard({ ...both, 'pstree.img': pstree, 'seccomp.img': withFlags(1, 0) })).not.toThrow();
    expect(() => guard({ ...both, 'seccomp.img': withFlags(1, 0) })).toThrow(refusedFor(/core-1\.img: system calls/));
  });

  it.each([8, 16, 32])('are refused with a filter whose flags CRIU never notes: %i', (flags) => {
    expect(() => guard({ ...REAL, 'seccomp.img': withFlags(1 | flags) })).toThrow(
      refusedFor(/without a seccomp filter/),
    );
  });

  it.each<[string, object, RegExp]>([
    ['a packet socket', { type: 10, id: 2 }, /files\.img: packet sockets without NET_RAW/],
    ['a raw socket', internetSocket(3), /files\.img: raw sockets without NET_RAW/],
    ['a raw socket that does not block', internetSocket(0x803), /files\.img: raw sockets without NET_RAW/],
    ['a fanotify group', { type: 12, id: 2 }, /files\.img: fanotify groups without SYS_ADMIN/],
    [
      'a socket that marks its packets',
      internetSocket(1, { so_mark: 1337 }),
      /files\.img: sockets with a mark without NET_ADMIN or NET_RAW/,
    ],
    ['a network device', { type: 15, id: 2 }, /files\.img: network devices without NET_ADMIN/],
    ['a map of BPF', { type: 19, id: 2 }, /files\.img: maps of BPF without BPF or SYS_ADMIN/],
  ])('are refused with %s open that nobody in the container can make', (_name, file, why) => {
    const open = { ...REAL, 'files.img': criuImage('file_entry', [{ type: 1, id: 1 }, file]) };
    expect(() => guard(open)).toThrow(refusedFor(why));
    const all = capabilitySet(['NET_RAW', 'NET_ADMIN', 'BPF', 'SYS_ADMIN']);
    expect(() => guard(open, { ...RESTRICTED, bounding: all, permitted: all })).not.toThrow();
    expect(() => guard(open, { ...RESTRICTED, bounding: all })).toThrow(refusedFor(why));
  });

  it('come with tracked connections, and with no other message to netfilter', () => {
    const message = (type: number, length = 20) => {
      const data = Buffer.alloc(20);
      data.writeUInt32LE(length, 0);
      data.writeUInt16LE(type, 4);
      return data;
    };
    const guardWith = (...messages: readonly Buffer[]) =>
      guard({ ...REAL, 'netns-ct-10.img': Buffer.alloc(0), 'netns-exp-10.img': Buffer.concat(messages) });
    expect(() => guardWith(message(0x100), message(0x200))).not.toThrow();
    // A connection is forgotten, a set of addresses destroyed; what is none at all.
    const others = [message(0x102), message(0x603), message(0x100, 0), message(0x100, 24), Buffer.alloc(4)];
    const why = refusedFor(/netns-exp-10\.img: something other than tracked connections$/);
    for (const other of others) expect(() => guardWith(message(0x100), other)).toThrow(why);
  });

  it('are refused with a turn before all others', () => {
    const before = withThread('core-11.img', (each) => Object.assign(each, { sched_policy: 1, sched_prio: 99 }));
    expect(() => guard({ ...REAL, 'core-11.img': before })).toThrow(
      refusedFor(/core-11\.img: to run before all others/),
    );
    const nicer = withThread('core-1.img', (each) => Object.assign(each, { sched_policy: 0, sched_nice: -1 }));
    expect(() => guard({ ...REAL, 'core-1.img': nicer })).toThrow(refusedFor(/core-1\.img: a nice value of -1/));
  });

  it('are refused with more than the pod grants, in a thread too, and five differences are told', () => {
    const rooted = changedImage('core_entry', REAL['core-11.img'] ?? Buffer.alloc(0), (entry: Core) => {
      Object.assign(entry.thread_core.creds, { uid: 0, cap_eff: [1 << 21, 0], no_new_privs: 0 });
      return entry;
    });
    expect(() => guard({ ...REAL, 'core-11.img': rooted })).toThrow(
      refusedFor(/core-11\.img: capabilities SYS_ADMIN; core-11\.img: user 0; core-11\.img: new privileges/),
    );
    expect(() => guard(REAL, RESTRICTED, [])).toThrow(refusedFor(/and 26 more$/));
  });

  it.each<[string, Images, RegExp]>([
    ['without a mask', withMount('/proc/keys', undefined), /no mount at \/proc\/keys/],
    ['without the sysctls kept from writing', withMount('/proc/sys', undefined), /no mount at \/proc\/sys/],
    [
      'with them writable',
      withMount('/proc/sys', ({ flags, ...rest }) => ({ ...rest, flags: flags & ~1 })),
      /\/proc\/sys/,
    ],
    [
      'with a volume that may not be written writable',
      withMount('/var/run/secrets/kubernetes.io/serviceaccount', (mount) => ({ ...mount, flags: 0 })),
      /serviceaccount/,
    ],
    [
      'beneath what they mask',
      withMount(['/proc/sys', '/proc/keys'], (mount) => ({ ...mount, parent_mnt_id: mountAt('/').mnt_id })),
      /\/proc\/keys beneath another one.*\/proc\/sys beneath another one/,
    ],
    [
      'in a circle that hangs on nothing',
      withMount('/proc/sys', (mount) => ({ ...mount, parent_mnt_id: mount.mnt_id })),
      /\/proc\/sys beneath another one/,
    ],
    [
      'with flags as old images have them',
      withMount(['/proc/sys', '/var/run/secrets/kubernetes.io/serviceaccount'], ({ ...mount }) => {
        delete (mount as { sb_flags?: number }).sb_flags;
        return mount;
      }),
      /\/proc\/sys with flags that.*serviceaccount with flags that no mount has/,
    ],
    [
      'that mount(2) would take for another command',
      withMount('/proc', (mount) => ({ ...mount, sb_flags: 0x1000, source: '/proc/sys' })),
      /\/proc with flags that no mount has/,
    ],
    [
      'of all of procfs where a part was',
      withMount('/proc/fs', (mount) => ({ ...mount, root: '/' })),
      /a mount of its own at \/proc\/fs/,
    ],
    [
      'with all limits gone but those of writing',
      withMount(['/dev', '/sys', '/proc'], (mount) => ({ ...mount, flags: mount.flags & ~14 })),
      /\/sys without nosuid, nodev, noexec.*\/dev without nosuid.*\/proc without nosuid, nodev, noexec/,
    ],
    [
      'with limits on all of procfs that its parts have',
      withMount('/proc', (mount) => ({ ...mount, flags: mountAt('/proc/sys').flags })),
      /\/proc with more limits than it has/,
    ],
    [
      'of a part of procfs as if of a volume',
      withMount(['/etc/hosts', '/proc/sys'], (mount) => ({
        ...mount,
        root_dev: 0xabcdef,
        flags: mountAt('/proc/sys').flags,
      })),
      /\/proc\/sys as the one at \/etc\/hosts/,
    ],
    [
      'that show what is mounted on the node',
      withMount('/etc/hosts', (mount) => ({ ...mount, master_id: 40 })),
      /\/etc\/hosts with the node’s in it/,
    ],
    [
      'that show the node what is mounted',
      withMount('/etc/hosts', (mount) => ({ ...mount, shared_id: 40 })),
      /\/etc\/hosts with the node’s in it/,
    ],
    ['at another place', withMount('/etc/hosts', (mount) => ({ ...mount, mountpoint: '/x' })), /its own at \/x/],
    [
      'of another volume',
      withMount('/etc/hosts', (mount) => ({ ...mount, ext_key: '/etc/resolv.conf' })),
      /\/etc\/hosts/,
    ],
    ['of a device', withMount('/etc/hosts', (mount) => ({ ...mount, ext_key: 'CRIU:EXTERNAL_DEV' })), /\/etc\/hosts/],
    [
      'of what masks files in place of one',
      withMount('/etc/hosts', (mount) => ({ ...mount, ext_key: '/dev/null' })),
      /hosts/,
    ],
    ['of all devices', withMount('/dev', (mount) => ({ ...mount, fstype: 3 })), /a mount of its own at \/dev$/],
    ['of sysfs', withMount('/dev/mqueue', (mount) => ({ ...mount, fstype: 2 })), /a mount of its own at \/dev\/mqueue/],
    ['of any type', withMount('/dev/mqueue', (mount) => ({ ...mount, fstype: 16, fsname: 'ext4' })), /mqueue/],
    [
      'of control groups that CRIU mounts itself',
      withMount('/sys/fs/cgroup/memory', ({ ...mount }) => ({ ...mount, ext_key: '', root: '/' })),
      /cgroup\/memory/,
    ],
    ['by a plugin', withMount('/dev/mqueue', (mount) => ({ ...mount, with_plugin: true })), /mqueue/],
    [
      'over the root',
      withMount('/dev/mqueue', (mount) => ({ ...mount, mountpoint: '/', fstype: 17 })),
      /several mounts at \/;/,
    ],
    [
      'under another root',
      withMount('/', (mount) => ({ ...mount, mountpoint: '/y' })),
      /\/etc\/hosts beneath another one/,
    ],
    [
      'with the root under another mount',
      withMount('/', (mount) => ({ ...mount, parent_mnt_id: mount.mnt_id })),
      /the mount at \/ beneath another one/,
    ],
  ])('are refused with mounts %s', (_name, images, why) => {
    expect(() => guard(images)).toThrow(refusedFor(why));
  });

  it('pass or are refused with F347, whatever is in the images', () => {
    const damage = fc.record({ name: fc.constantFrom(...NAMES), at: fc.nat(5000), to: fc.nat(255), cut: fc.nat(5000) });
    fc.assert(
      fc.property(damage, fc.boolean(), ({ name, at, to, cut }, cuts) => {
        const data = Buffer.from(REAL[name] ?? Buffer.alloc(0));
        data.writeUInt8(to, at % data.length);
        const images = { ...REAL, [name]: cuts ? data.subarray(0, cut % data.length) : data };
        expect([undefined, 'F347']).toContain(outcomeOf(() => guard(images)));
      }),
      { numRuns: 1000 },
    );
  });
});

interface Core {
  readonly thread_core: { readonly creds: object };
}

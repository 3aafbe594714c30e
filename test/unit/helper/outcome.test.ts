import { describe, expect, it } from 'vitest';
import { parseMountInfo } from '../../../src/helper/mounts.ts';
import { excesses, type Granted } from '../../../src/helper/trust/credentials.ts';
import { askedIn, mountOutcome, namespaceOutcome, parseSchedule } from '../../../src/helper/trust/outcome.ts';

const granted: Granted = {
  ...{ bounding: 0n, permitted: 0n, uids: [1000], gids: [1000, 2000], noNewPrivileges: true, seccompFilters: 1 },
  ...{ profile: '', lowestNice: 0 },
  limits: { hard: Array.from({ length: 16 }, () => 0), oomScoreAdj: 0 },
};

describe('what a restored task has', () => {
  const told = (more: Readonly<Record<string, string>> = {}) =>
    Object.entries({
      ...{ Uid: '1000\t1000\t1000\t1000', Gid: '1000\t1000\t1000\t1000', Groups: '2000 ' },
      ...{ CapInh: '0000000000000000', CapPrm: '0000000000000000', CapEff: '0000000000000000' },
      ...{ CapBnd: '0000000000000000', CapAmb: '0000000000000000' },
      ...{ NoNewPrivs: '1', Seccomp: '2', Seccomp_filters: '1', ...more },
    })
      .map(([name, value]) => `${name}:\t${value}\n`)
      .join('');
  const found = (more: Readonly<Record<string, string>>, limits = granted, schedule = { nice: 0, policy: 0 }) =>
    excesses(askedIn({ status: told(more), label: '', schedule }, limits), limits);

  it('is fine when it is what the placeholder was given, or less', () => {
    expect(found({})).toEqual([]);
    expect(found({ Seccomp_filters: '3', Groups: '' })).toEqual([]);
  });

  it.each<[string, Readonly<Record<string, string>>, RegExp]>([
    ['a file system user of its own', { Uid: '1000\t1000\t1000\t0' }, /^user 0$/],
    ['a supplementary group', { Groups: '2000 6' }, /^group 6$/],
    ['a capability that it only could have', { CapBnd: '0000000000002000' }, /^capabilities NET_RAW$/],
    ['an ambient capability', { CapAmb: '0000000000002000' }, /^capabilities NET_RAW$/],
    ['new privileges', { NoNewPrivs: '0' }, /no_new_privs/],
    ['no filter', { Seccomp: '0', Seccomp_filters: '0' }, /without a seccomp filter/],
  ])('is named beyond that: %s', (_name, more, sentence) => {
    expect(found(more)).toEqual([expect.stringMatching(sentence)]);
  });

  it('is named beyond that: its turn', () => {
    expect(found({}, granted, { nice: 19, policy: 5 })).toEqual([]);
    expect(found({}, granted, { nice: -1, policy: 1 })).toEqual([
      'to run before all others (scheduling policy 1)',
      'a nice value of -1',
    ]);
  });

  it('is named beyond that: fewer filters than the runtime set', () => {
    expect(found({}, { ...granted, seccompFilters: 2 })).toEqual([expect.stringMatching(/without a seccomp filter/)]);
  });
});

it('how a restored task is scheduled is read', () => {
  const fields = Array.from({ length: 50 }, () => 0);
  [fields[16], fields[38]] = [-5, 1];
  expect(parseSchedule(`7 (a) T b) ${fields.join(' ')}\n`)).toEqual({ nice: -5, policy: 1 });
  expect(() => parseSchedule('7 (a) T 1 2')).toThrow(/cannot be read/);
});

it('a restored process is in the namespaces of its container, and in its own of mounts, PIDs and names', () => {
  const outside = { net: 'net:[1]', ipc: 'ipc:[1]', user: 'user:[1]' };
  const of = (more: object = {}) =>
    new Map(Object.entries({ ...outside, mnt: 'mnt:[2]', pid: 'pid:[2]', uts: 'uts:[2]', time: 'time:[1]', ...more }));
  const found = (more: object, first: object = {}) =>
    namespaceOutcome(
      of(more) as Parameters<typeof namespaceOutcome>[0],
      of(first) as Parameters<typeof namespaceOutcome>[0],
      of({ mnt: 'mnt:[1]', pid: 'pid:[1]', uts: 'uts:[1]' }) as Parameters<typeof namespaceOutcome>[0],
    );
  expect(found({})).toEqual([]);
  expect(found({ net: 'net:[9]' })).toEqual([expect.stringMatching(/^another net namespace/)]);
  expect(found({ mnt: 'mnt:[3]' })).toEqual([expect.stringMatching(/^another mnt namespace/)]);
  expect(found({ mnt: 'mnt:[1]' }, { mnt: 'mnt:[1]' })).toHaveLength(1);
  expect(found({ uts: 'uts:[3]' })).toHaveLength(1);
});

describe('the mounts that a restored process sees', () => {
  const GIVEN = `
100 50 0:40 / / rw,relatime - overlay overlay rw
101 100 0:41 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
102 101 0:41 /sys /proc/sys ro,nosuid,nodev,noexec,relatime - proc proc rw
103 101 0:42 / /proc/acpi ro,relatime - tmpfs tmpfs ro
104 100 8:1 /data /data ro,relatime - ext4 /dev/sda1 rw
105 100 8:1 /placeholder /.kubectl-migrate rw,relatime - ext4 /dev/sda1 rw
`;
  const OWN = GIVEN.replace(/^105.*\n/m, '').replace('101 100 0:41', '101 100 0:77');
  const found = (text: string, { marks = [] as string[], whole = true } = {}) =>
    mountOutcome({ mounts: parseMountInfo(text), whole }, parseMountInfo(GIVEN), marks);

  it('are those of the placeholder but for its own', () => {
    expect(found(OWN)).toEqual([]);
  });

  it.each<[string, string, string, string]>([
    ['one that may be written to', '/proc/sys ro,', '/proc/sys rw,', 'the mount at /proc/sys without ro'],
    ['one with programs of root', '/proc rw,nosuid,', '/proc rw,', 'the mount at /proc without nosuid'],
    ['another part of the file system', '8:1 /data /data', '8:1 / /data', 'a mount of its own at /data'],
    ['another file system', '0:42 / /proc/acpi', '0:43 / /proc/acpi', 'a mount of its own at /proc/acpi'],
    ['a procfs as its own elsewhere', '8:1 /data /data', '0:77 / /data', 'a mount of its own at /data'],
    ['one at a place of its own', '/data ro', '/more ro', 'a mount of its own at /more'],
  ])('are not: %s', (_name, from, to, what) => {
    expect(OWN).toContain(from);
    expect(found(OWN.replace(from, to))).toEqual([what]);
  });

  it('hide what is hidden from the placeholder, as far as can be seen', () => {
    const bare = OWN.replace(/^103.*\n/m, '');
    expect(found(bare)).toEqual(['no mount at /proc/acpi']);
    expect(found(bare, { whole: false })).toEqual([]);
  });

  it('may have a mark of the source’s runtime, of the container’s own files', () => {
    const mark = '106 100 0:40 /run/.containerenv /run/.containerenv rw,relatime - overlay overlay rw\n';
    expect(found(OWN + mark)).toEqual(['a mount of its own at /run/.containerenv']);
    expect(found(OWN + mark, { marks: ['/run/.containerenv'] })).toEqual([]);
    expect(found(OWN + mark.replace('0:40', '8:1'), { marks: ['/run/.containerenv'] })).toHaveLength(1);
  });
});

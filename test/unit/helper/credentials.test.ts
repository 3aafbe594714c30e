import { describe, expect, it } from 'vitest';
import { type Asked, excesses, type Granted, parseGranted } from '../../../src/helper/trust/credentials.ts';
import { lowestNice } from '../../../src/helper/trust/limits.ts';

const SETUID = 1n << 7n;
const SETGID = 1n << 6n;
const NET_RAW = 1n << 13n;
const SYS_NICE = 1n << 23n;

const granted: Granted = {
  bounding: 0n,
  permitted: 0n,
  lowestNice: 0,
  uids: [1000],
  gids: [1000, 2000],
  noNewPrivileges: true,
  seccompFilters: 1,
  profile: '',
};
const asked: Asked = {
  capabilities: 0n,
  permitted: 0n,
  socketLabel: '',
  schedule: { policy: 0, nice: 0 },
  uids: [1000],
  gids: [1000],
  noNewPrivileges: true,
  filtered: true,
  profile: '',
};

describe('what a process image asks for', () => {
  it('is fine when the pod grants it', () => {
    expect(excesses(asked, granted)).toEqual([]);
    const all = SETUID | SETGID;
    const root = { ...asked, uids: [0, 33], gids: [0], capabilities: all, permitted: all };
    expect(excesses(root, { ...granted, bounding: all, permitted: all })).toEqual([]);
    expect(excesses({ ...asked, capabilities: NET_RAW }, { ...granted, bounding: NET_RAW | SETUID })).toEqual([]);
    const free = { ...granted, noNewPrivileges: false, seccompFilters: 0 };
    expect(excesses({ ...asked, noNewPrivileges: false, filtered: false }, free)).toEqual([]);
    // A file of root's may have given it all that.
    expect(excesses(root, { ...free, bounding: all })).toEqual([]);
    for (const schedule of [
      { policy: 3, nice: 0 },
      { policy: 5 | 0x40000000, nice: 19 },
    ])
      expect(excesses({ ...asked, schedule }, granted)).toEqual([]);
    const first = { ...asked, schedule: { policy: 1, nice: -20 } };
    expect(excesses(first, { ...granted, bounding: SYS_NICE, permitted: SYS_NICE })).toEqual([]);
  });

  it.each<[string, Partial<Asked>, Partial<Granted>, RegExp]>([
    ['a capability', { capabilities: NET_RAW | SETUID }, { bounding: SETUID }, /^capabilities NET_RAW$/],
    ['a high capability', { capabilities: 1n << 40n }, {}, /^capabilities CHECKPOINT_RESTORE$/],
    ['root', { uids: [1000, 0] }, {}, /^user 0$/],
    ['root, which no_new_privs keeps it from', { uids: [0] }, { bounding: SETUID }, /^user 0$/],
    ['a group, which no_new_privs keeps it from', { gids: [6] }, { bounding: SETGID }, /^group 6$/],
    [
      'a capability, which no_new_privs keeps it from',
      { capabilities: NET_RAW, permitted: NET_RAW },
      { bounding: NET_RAW },
      /^capabilities NET_RAW$/,
    ],
    ['a turn before all others', { schedule: { policy: 1, nice: 0 } }, {}, /before all others \(scheduling policy 1\)/],
    ['more of a turn', { schedule: { policy: 0, nice: 4 } }, { lowestNice: 5 }, /^a nice value of 4$/],
    [
      'a turn that no_new_privs keeps it from',
      { schedule: { policy: 0, nice: -20 } },
      { bounding: SYS_NICE },
      /^a nice value of -20$/,
    ],
    ['a label of its own for sockets', { socketLabel: 'u:r:t:s0' }, {}, /^the label 'u:r:t:s0' for its sockets$/],
    ['a group', { gids: [1000, 2000, 6] }, {}, /^group 6$/],
    ['new privileges', { noNewPrivileges: false }, {}, /no_new_privs/],
    ['every system call', { filtered: false }, {}, /without a seccomp filter/],
    ['no confinement', {}, { profile: 'cri-containerd.apparmor.d' }, /profile '' instead of 'cri-containerd/],
  ])('beyond it is named: %s', (_name, more, limits, sentence) => {
    expect(excesses({ ...asked, ...more }, { ...granted, ...limits })).toEqual([expect.stringMatching(sentence)]);
  });

  it('is named all at once', () => {
    expect(excesses({ ...asked, uids: [0], gids: [0], filtered: false, capabilities: NET_RAW }, granted)).toHaveLength(
      4,
    );
  });
});

describe('what the kernel tells of the placeholder', () => {
  const status = [
    'Name:\tplaceholder',
    'Uid:\t1000\t1000\t1000\t1000',
    'Gid:\t1000\t1000\t1000\t1000',
    'Groups:\t2000 3000 ',
    'CapPrm:\t0000000000000400',
    'CapBnd:\t00000000a80425fb',
    'NoNewPrivs:\t1',
    'Seccomp:\t2',
    'Seccomp_filters:\t1',
    '',
  ].join('\n');

  it('is read', () => {
    expect(parseGranted(status, 'cri-containerd.apparmor.d (enforce)\n')).toEqual({
      bounding: 0xa80425fbn,
      permitted: 0x400n,
      lowestNice: 0,
      uids: [1000, 1000, 1000, 1000],
      gids: [1000, 1000, 1000, 1000, 2000, 3000],
      noNewPrivileges: true,
      seccompFilters: 1,
      profile: 'cri-containerd.apparmor.d',
    });
    expect(parseGranted(status, 'unconfined\n').profile).toBe('');
    expect(parseGranted(status.replace('Seccomp:\t2', 'Seccomp:\t0'), '').seccompFilters).toBe(0);
  });

  it('has no groups but those of its own line', () => {
    // The kernel ends the line with a blank, and namespaces' numbers follow.
    const alone = status.replace(/^Groups:.*$/m, 'Groups:\t \nNStgid:\t29\t1');
    expect(parseGranted(alone, '').gids).toEqual([1000, 1000, 1000, 1000]);
  });

  it('has a lowest nice value, its own unless its limits allow a lower one', () => {
    const stat = `7 (a ) b) S 1 7 7 0 -1 4194560 ${'0 '.repeat(8)}25 5 1 0 9000`;
    const hard = new Array<number>(16).fill(0);
    expect(lowestNice(stat, { hard, oomScoreAdj: 0 })).toBe(5);
    expect(lowestNice(stat, { hard: hard.with(13, 30), oomScoreAdj: 0 })).toBe(-10);
    expect(() => lowestNice('', { hard, oomScoreAdj: 0 })).toThrow(/stat/);
  });

  it('is never guessed', () => {
    expect(() => parseGranted(status.replace(/^CapBnd.*$/m, ''), '')).toThrow(/CapBnd/);
  });
});

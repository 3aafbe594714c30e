import { describe, expect, it } from 'vitest';
import { type Asked, excesses, type Granted, parseGranted } from '../../../src/helper/trust/credentials.ts';

const SETUID = 1n << 7n;
const SETGID = 1n << 6n;
const NET_RAW = 1n << 13n;

const granted: Granted = {
  bounding: 0n,
  uids: [1000],
  gids: [1000, 2000],
  noNewPrivileges: true,
  seccompFilters: 1,
  profile: '',
};
const asked: Asked = {
  capabilities: 0n,
  uids: [1000],
  gids: [1000],
  noNewPrivileges: true,
  filtered: true,
  profile: '',
};

describe('what a process image asks for', () => {
  it('is fine when the pod grants it', () => {
    expect(excesses(asked, granted)).toEqual([]);
    expect(excesses({ ...asked, uids: [0, 33], gids: [0] }, { ...granted, bounding: SETUID | SETGID })).toEqual([]);
    expect(excesses({ ...asked, capabilities: NET_RAW }, { ...granted, bounding: NET_RAW | SETUID })).toEqual([]);
    const free = { ...granted, noNewPrivileges: false, seccompFilters: 0 };
    expect(excesses({ ...asked, noNewPrivileges: false, filtered: false }, free)).toEqual([]);
  });

  it.each<[string, Partial<Asked>, Partial<Granted>, RegExp]>([
    ['a capability', { capabilities: NET_RAW | SETUID }, { bounding: SETUID, uids: [0] }, /^capabilities NET_RAW$/],
    ['a high capability', { capabilities: 1n << 40n }, {}, /^capabilities CHECKPOINT_RESTORE$/],
    ['root', { uids: [1000, 0] }, {}, /^user 0$/],
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
    'CapBnd:\t00000000a80425fb',
    'NoNewPrivs:\t1',
    'Seccomp:\t2',
    'Seccomp_filters:\t1',
    '',
  ].join('\n');

  it('is read', () => {
    expect(parseGranted(status, 'cri-containerd.apparmor.d (enforce)\n')).toEqual({
      bounding: 0xa80425fbn,
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

  it('is never guessed', () => {
    expect(() => parseGranted(status.replace(/^CapBnd.*$/m, ''), '')).toThrow(/CapBnd/);
  });
});

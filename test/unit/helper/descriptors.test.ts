import { expect, it } from 'vitest';
import { descriptorObstacles } from '../../../src/helper/probe/descriptors.ts';

const open = (target: string) => descriptorObstacles([{ pid: 7, name: 'app', fd: 3, target }]);

it.each([
  ['anon_inode:[io_uring]', 'io-uring'],
  ['anon_inode:[perf_event]', 'file-kind'],
  ['/dev/pts/0', 'terminal'],
  ['/dev/kvm', 'file-kind'],
  ['/conf/..2026_11_24_14_36_29.2677727365/a.conf', 'volume-file'],
])('a process that has %s open cannot move: %s', (target, code) => {
  expect(open(target)).toEqual([{ code, detail: expect.stringContaining('app') }]);
});

it.each([
  'anon_inode:inotify',
  'anon_inode:[eventpoll]',
  '/dev/null',
  '/dev/shm/x',
  '/data/a.conf',
  'pipe:[12]',
  '/srv/..2026/a',
])('a process that has %s open can', (target) => {
  expect(open(target)).toEqual([]);
});

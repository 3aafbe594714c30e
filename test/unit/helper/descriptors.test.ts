import { expect, it } from 'vitest';
import definitions from '../../../src/engines/kubelet/criu/definitions.json' with { type: 'json' };
import { capabilitySet } from '../../../src/helper/capabilities.ts';
import { descriptorObstacles } from '../../../src/helper/probe/descriptors.ts';
import { CriuImages } from '../../../src/helper/trust/criu-image.ts';
import { descriptorExcesses } from '../../../src/helper/trust/descriptors.ts';
import { criuImage } from '../../support/criu-image.ts';

const open = (target: string, bounding = 0n) => descriptorObstacles([{ pid: 7, name: 'app', fd: 3, target }], bounding);

it.each([
  ['anon_inode:[io_uring]', 'io-uring'],
  ['anon_inode:[perf_event]', 'file-kind'],
  ['anon_inode:[fanotify]', 'file-kind'],
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

it('a group of fanotify can move with the capability that makes one', () => {
  expect(open('anon_inode:[fanotify]', capabilitySet(['SYS_ADMIN']))).toEqual([]);
});

it('a socket is at a port that somebody in the container can bind to', () => {
  const images = new CriuImages(JSON.stringify(definitions));
  const restricted = {
    ...{ bounding: 0n, permitted: 0n, uids: [1], gids: [1], lowestNice: 0 },
    ...{ noNewPrivileges: false, seccompFilters: 0, profile: '' },
  };
  const found = (src_port: number, from: number, bounding = 0n) => {
    const isk = { id: 1, ino: 1, family: 10, type: 1, proto: 6, state: 1, dst_port: 0, flags: 2, backlog: 0, src_port };
    const data = criuImage('file_entry', [{ type: 4, id: 1, isk: { ...isk, fown: {}, opts: {} } }]);
    return descriptorExcesses(images, { name: 'files.img', data }, { ...restricted, bounding }, () => from);
  };
  expect(found(80, 1024)).toEqual(['files.img: a socket at port 80 without NET_BIND_SERVICE']);
  expect(found(80, 81)).toHaveLength(1);
  expect(found(80, 80)).toEqual([]);
  expect(found(80, 0)).toEqual([]);
  expect(found(80, 1024, capabilitySet(['NET_BIND_SERVICE']))).toEqual([]);
  for (const port of [0, 1024, 8080]) expect(found(port, 2000)).toEqual([]);
});

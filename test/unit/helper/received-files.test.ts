import { mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { filesSink, volumesOf } from '../../../src/helper/files/apply.ts';
import type { MountInfo } from '../../../src/helper/mounts.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const mount = (mountPoint: string, fsType = 'ext4'): MountInfo => ({
  ...{
    device: '8:1',
    root: '/',
    mountPoint,
    fsType,
    source: 'none',
    options: ['ro'],
    superOptions: [],
    sharing: [],
  },
});

it('volumes that move are found where the container’s links lead, and nothing else is', () => {
  const root = temporaryFolder();
  for (const directory of ['run/cache', 'data', 'secret']) mkdirSync(path.join(root, directory), { recursive: true });
  mkdirSync(path.join(root, 'var'));
  symlinkSync('/run', path.join(root, 'var/run'));
  symlinkSync('/secret', path.join(root, 'link'));
  const mounts = ['/', '/run/cache', '/data', '/secret', '/proc'].map((point) => mount(point));
  expect(volumesOf(root, mounts, ['/var/run/cache', '/data', '/'])).toEqual(['/run/cache', '/data']);
  // What is no mount there is nothing to write to.
  expect(volumesOf(root, mounts, ['/data/deeper', '/absent'])).toEqual([]);
});

it('the memory that a pod shares moves, unless something else is mounted there', () => {
  const root = temporaryFolder();
  expect(volumesOf(root, [mount('/'), mount('/dev/shm', 'tmpfs')], [])).toEqual(['/dev/shm']);
  expect(volumesOf(root, [mount('/'), mount('/dev/shm')], [])).toEqual([]);
});

it.each([
  ['a mount that stays', { kind: 'tar', container: 0, at: '/secret' }],
  ['what is below a volume', { kind: 'tar', container: 0, at: '/data/inner' }],
  ['a way around', { kind: 'tar', container: 0, at: '/data/../secret' }],
  ['a volume of another container', { kind: 'delete', container: 1, at: '/data' }],
  ['a container that is not there', { kind: 'tar', container: 2, at: '/' }],
] as const)('files for %s are refused before anything is written', async (_what, part) => {
  const sink = filesSink([
    { pid: process.pid, volumes: ['/data'] },
    { pid: process.pid, volumes: [] },
  ]);
  await expect(sink.part(part)).rejects.toMatchObject({ code: 'transfer-broken' });
  await expect(sink.data(Buffer.from('x'))).rejects.toMatchObject({ code: 'transfer-broken' });
});

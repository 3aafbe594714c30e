import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { externalMountPoints, parseMountInfo, unescapePath, upperDirectory } from '../../../src/helper/mounts.ts';

// Captured from a read-only, non-root pod under containerd 2.1.9.
const text = readFileSync(path.join(import.meta.dirname, 'fixtures/mountinfo.txt'), 'utf8');

describe('mountinfo', () => {
  const mounts = parseMountInfo(text);

  it('reads every line', () => {
    expect(mounts).toHaveLength(text.trim().split('\n').length);
    expect(mounts[0]).toMatchObject({ mountPoint: '/', fsType: 'overlay', options: ['ro', 'relatime'] });
    expect(mounts.find(({ mountPoint }) => mountPoint === '/etc/hosts')?.root).toMatch(/etc-hosts$/);
  });

  it('undoes the octal escapes', () => {
    expect(unescapePath('/we\\040ird/a\\134b')).toBe('/we ird/a\\b');
  });

  it('tells what shares events with the node', () => {
    const [alone, both] = parseMountInfo(
      '1 2 8:1 / /a rw - ext4 x rw\n1 2 8:1 / /b rw shared:3 master:4 - ext4 x rw\n',
    );
    expect([alone?.sharing, both?.sharing]).toEqual([[], ['shared:3', 'master:4']]);
  });

  it('leaves out what is no mount', () => {
    expect(parseMountInfo('\nnonsense\n1 2 3\n')).toEqual([]);
  });

  it('expects all from outside but /proc itself', () => {
    const points = externalMountPoints(mounts);
    expect(points).toContain('/');
    expect(points).toContain('/proc/sys');
    expect(points).not.toContain('/proc');
    expect(points).toContain('/dev/shm');
  });
});

describe('upper directory', () => {
  const root = (fsType: string, options: string) => parseMountInfo(`1 2 0:3 / / rw - ${fsType} overlay ${options}`);

  it('is that of the root mount', () => {
    expect(upperDirectory(parseMountInfo(text), false)).toMatch(/snapshots\/\d+\/fs$/);
    expect(upperDirectory(root('overlay', 'rw,upperdir=/a\\040b/fs,workdir=/w'), false)).toBe('/a b/fs');
  });

  it('is unknown where it would not tell all', () => {
    expect(upperDirectory(root('ext4', 'rw'))).toBeUndefined();
    expect(upperDirectory(root('overlay', 'rw,upperdir=fs'))).toBeUndefined();
    expect(upperDirectory(root('overlay', 'rw,upperdir=/u,redirect_dir=on'), false)).toBeUndefined();
  });

  it('is unknown where the kernel redirects renamed directories unless the mount says otherwise', () => {
    expect(upperDirectory(root('overlay', 'rw,upperdir=/u'), true)).toBeUndefined();
    expect(upperDirectory(root('overlay', 'rw,upperdir=/u,redirect_dir=follow'), true)).toBe('/u');
    expect(upperDirectory(root('overlay', 'rw,upperdir=/u'), false)).toBe('/u');
  });
});

import { describe, expect, it } from 'vitest';
import { parseWatches, watchObstacle } from '../../../src/helper/probe/watches.ts';

// Captured on Linux 6.18 from a process that watches two directories of one overlay.
const fdinfo = `pos:	0
flags:	02000000
mnt_id:	15
ino:	1063
inotify wd:2 ino:2a5 sdev:61 mask:fff ignored_mask:0 fhandle-bytes:20 fhandle-type:f8 f_handle:00fb1d
inotify wd:1 ino:1c sdev:800001 mask:fff ignored_mask:0 fhandle-bytes:c fhandle-type:1 f_handle:1c00
`;

describe('what a process watches', () => {
  it('is read from its inotify descriptor', () => {
    expect(parseWatches(fdinfo)).toEqual([
      { inode: 0x2a5, device: '0:97' },
      { inode: 0x1c, device: '8:1' },
    ]);
    expect(parseWatches('pos:\t0\n')).toEqual([]);
  });

  const remade = new Map([['0:60 11', '/conf/..data/a.conf']]);

  it.each([
    ['of the container’s own files', '0:97', 12, /own file system/],
    ['of those that the target has under another name', '0:60', 11, /\/conf\/..data\/a.conf/],
  ])('does not come along when it is one %s', (_what, device, inode, words) => {
    expect(watchObstacle({ device, inode }, '0:97', remade)).toMatch(words);
  });

  it.each([
    ['the root of a volume that is made anew', '0:60', 10],
    ['of another file system with the same number', '8:1', 11],
  ])('comes along when it is %s', (_what, device, inode) => {
    expect(watchObstacle({ device, inode }, '0:97', remade)).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { boundSockets, holdsLock } from '../../../src/helper/probe/shared-files.ts';

describe('what a process has of a shared volume', () => {
  it('is a lock when its descriptor says so', () => {
    const open = 'pos:\t0\nflags:\t02100001\nmnt_id:\t31\nino:\t13\n';
    expect(holdsLock(open)).toBe(false);
    expect(holdsLock(`${open}lock:\t1: FLOCK  ADVISORY  WRITE 359 00:13:11691 0 EOF\n`)).toBe(true);
  });

  it('is a socket that is bound to a path, which may have blanks', () => {
    const table = [
      'Num       RefCount Protocol Flags    Type St Inode Path',
      '0000000000000000: 00000002 00000000 00010000 0001 01 20001 /data/my socket',
      '0000000000000000: 00000002 00000000 00010000 0001 01 20002 @abstract',
      '0000000000000000: 00000003 00000000 00000000 0001 03 20003',
      '',
    ].join('\n');
    expect(boundSockets(table)).toEqual(['/data/my socket']);
  });
});

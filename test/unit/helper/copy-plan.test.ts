import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { sharedWritableFiles } from '../../../src/helper/files/hot.ts';
import { doubtfulFiles, planCopy } from '../../../src/helper/files/plan.ts';
import { type FileState, resolveInRoot, scanTree, sizeOf } from '../../../src/helper/files/scan.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const state = (kind: FileState['kind'], changed = 1, inode = 1): FileState => ({
  kind,
  changed,
  inode,
  size: 1,
  allocated: 512,
});
const tree = (entries: Record<string, FileState>) => new Map(Object.entries(entries));
const none = new Set<string>();
const former = (entries: Record<string, FileState>, doubtful = none) => ({ snapshot: tree(entries), doubtful });

describe('what has to be copied', () => {
  it('is everything the first time, whiteouts as deletions', () => {
    const now = tree({ a: state('file'), gone: state('whiteout'), d: state('directory') });
    expect(planCopy(now, undefined, none, none)).toEqual({ remove: ['gone'], copy: ['a', 'd'] });
  });

  it('is nothing when nothing changed', () => {
    const entries = { a: state('file'), gone: state('whiteout'), d: state('directory') };
    expect(planCopy(tree(entries), former(entries), none, none)).toEqual({ remove: [], copy: [] });
  });

  it('is what has another time, inode or digest, or a doubtful time', () => {
    const then = { a: state('file'), b: state('file'), c: state('file'), d: state('file'), e: state('file') };
    const now = tree({ ...then, a: state('file', 2), b: state('file', 1, 9) });
    expect(planCopy(now, former(then, new Set(['c'])), none, new Set(['d'])).copy).toEqual(['a', 'b', 'c', 'd']);
  });

  it('takes away what is gone, with or without a whiteout', () => {
    const then = { a: state('file'), d: state('directory'), 'd/x': state('file'), w: state('file') };
    expect(planCopy(tree({ w: state('whiteout') }), former(then), none, none)).toEqual({
      remove: ['w', 'a', 'd'],
      copy: [],
    });
  });

  it('empties a directory that hides what the image has, and fills it again', () => {
    const now = tree({ d: state('directory'), 'd/x': state('file'), e: state('file') });
    expect(planCopy(now, undefined, new Set(['d']), none)).toEqual({ remove: ['d'], copy: ['d', 'd/x', 'e'] });
  });

  it('removes first what became something else', () => {
    expect(planCopy(tree({ a: state('directory') }), former({ a: state('file') }), none, none)).toEqual({
      remove: ['a'],
      copy: ['a'],
    });
  });

  it('doubts files that changed at the moment of the scan', () => {
    const now = tree({ old: state('file', 1000), fresh: state('file', 9990), dir: state('directory', 9990) });
    expect([...doubtfulFiles(now, 10_000)]).toEqual(['fresh']);
  });
});

describe('a scan', () => {
  let root: string;
  beforeEach(() => {
    root = temporaryFolder();
  });

  it('follows no link and leaves out what it is told', () => {
    mkdirSync(path.join(root, 'd/skip'), { recursive: true });
    writeFileSync(path.join(root, 'd/f'), 'abc');
    writeFileSync(path.join(root, 'd/skip/x'), 'abc');
    symlinkSync('/etc', path.join(root, 'etc'));
    const found = scanTree(root, new Set(['d/skip']), { withRoot: true });
    expect([...found.keys()].sort()).toEqual(['.', 'd', 'd/f', 'etc']);
    expect(sizeOf(found).files).toBe(4);
    expect(scanTree(path.join(root, 'etc'), none, { withRoot: false }).size).toBe(0);
  });

  it('stops at a name that is no UTF-8, which would not arrive', () => {
    mkdirSync(root, { recursive: true });
    writeFileSync(path.join(root, 'replaced \ufffd'), '');
    expect(scanTree(root, none, { withRoot: false }).has('replaced \ufffd')).toBe(true);
    writeFileSync(Buffer.from(`${root}/\xff\xfe`, 'latin1'), '');
    expect(() => scanTree(root, none, { withRoot: false })).toThrow(/UTF-8/);
  });

  it('resolves links as the container sees them', () => {
    mkdirSync(path.join(root, 'run/x'), { recursive: true });
    mkdirSync(path.join(root, 'var'));
    symlinkSync('/run', path.join(root, 'var/run'));
    symlinkSync('../../../../etc', path.join(root, 'run/out'));
    expect(resolveInRoot(root, '/var/run/x')).toBe(path.join(root, 'run/x'));
    expect(resolveInRoot(root, '/var/run/out')).toBe(path.join(root, 'etc'));
  });
});

describe('mapped files', () => {
  it('are those that are shared and writable', () => {
    const maps = `7f00-7f01 rw-s 00000000 08:01 12                 /vol/db file
7f00-7f01 r--s 00000000 08:01 13                 /vol/readonly
7f00-7f01 rw-p 00000000 08:01 14                 /lib/x.so
7f00-7f01 rw-s 00000000 00:01 15                 /SYSV0000 (deleted)
`;
    expect(sharedWritableFiles(maps)).toEqual(['/vol/db file']);
  });
});

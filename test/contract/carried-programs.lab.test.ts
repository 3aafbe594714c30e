import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { criuCommand } from '../../src/helper/criu.ts';
import { criuEntries, selfContained } from '../../src/helper/image/layers.ts';
import { run } from '../../src/helper/image/run.ts';
import { compiledCriu, debianRoot } from '../../src/helper/image/toolchain.ts';
import { cacheFolder } from '../lab/cache.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Says so when it is loaded, and as what a character set's converter and a name service are asked for. */
const INTRUDER = `
#include <stdio.h>
__attribute__((constructor)) static void loaded(void) { fprintf(stderr, "INTRUDER\\n"); }
int gconv_init(void *step) { (void)step; return 1; }
int gconv(void) { return 1; }
`;
/** A list of access of a file for the user 1000, as the kernel keeps it (include/uapi/linux/posix_acl_xattr.h). */
const ACL = '0x0200000001000600ffffffff02000600e803000004000400ffffffff10000600ffffffff20000400ffffffff';

describe('programs that are carried into a container with files of its own', () => {
  const root = temporaryFolder();
  const inContainer = (...command: readonly string[]) =>
    spawnSync('/usr/sbin/chroot', [root, ...command], { env: { PATH: '/usr/sbin:/usr/bin' }, encoding: 'utf8' });
  const tar = (...args: readonly string[]) =>
    inContainer('/proc/ld.so', '--library-path', '/proc/lib', '/proc/tar', ...args);

  beforeAll(async () => {
    const cache = path.join(cacheFolder(), 'helper-image');
    const debian = await debianRoot(cache);
    // As insideMounts does it: the directory is what /proc is.
    for (const entry of await criuEntries(debian, await compiledCriu(cache, debian))) {
      const file = path.join(root, entry.path.replace('opt/criu', 'proc'));
      if (entry.kind === 'directory') mkdirSync(file, { recursive: true });
      if (entry.kind === 'file') writeFileSync(file, entry.data, { mode: entry.mode });
    }
    const put = (file: string, text: string | Buffer) => {
      mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
      writeFileSync(path.join(root, file), text, { mode: 0o755 });
    };
    put('intruder.c', INTRUDER);
    await run('gcc', ['-shared', '-fPIC', '-o', path.join(root, 'intruder.so'), path.join(root, 'intruder.c')]);
    put('etc/ld.so.preload', '/intruder.so\n');
    put('etc/nsswitch.conf', 'passwd: intruder ../../intruder\n');
    put('usr/lib/x86_64-linux-gnu/gconv/gconv-modules', 'module ANSI_X3.4-1968// ISO-10646/UTF8/ /intruder 1\n');
    put('etc/criu/default.conf', 'no-such-option\n');
    // The name of the second service, as a file, is libnss_../../intruder.so.2, seen from the root.
    mkdirSync(path.join(root, 'libnss_..'), { recursive: true });
    for (const link of ['usr/lib/criu/intruder.so', 'usr/lib/libnss_intruder.so.2', 'intruder.so.2']) {
      mkdirSync(path.dirname(path.join(root, link)), { recursive: true });
      symlinkSync('/intruder.so', path.join(root, link));
    }
    put('data/na\u00efve', 'text');
    const setfattr = [
      '--library-path',
      path.join(debian, 'usr/lib/x86_64-linux-gnu'),
      path.join(debian, 'usr/bin/setfattr'),
    ];
    const named = ['--name', 'system.posix_acl_access', '--value', ACL, path.join(root, 'data/na\u00efve')];
    await run(path.join(debian, 'lib64/ld-linux-x86-64.so.2'), [...setfattr, ...named]);
  }, 180_000);

  it('load none of them: tar', () => {
    const { status, stderr } = tar('--create', '--file=/made.tar', '--xattrs', '--acls', '--directory=/data', '.');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const extracted = tar('--extract', '--file=/made.tar', '--acls', '--directory=/data');
    expect({ status: extracted.status, stderr: extracted.stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('load none of them: CRIU, which is not configured by them either', () => {
    const { stdout, stderr, status } = inContainer(...criuCommand('/proc'), '--version');
    expect({ status, stderr, stdout }).toEqual({ status: 0, stderr: '', stdout: expect.stringMatching(/^Version: /) });
    expect(inContainer(...criuCommand('/proc'), 'check').stderr).not.toMatch(/INTRUDER|no-such-option/);
  });

  it('are not made of a loader that is spelt otherwise', () => {
    expect(() => selfContained('ld.so', Buffer.from('another loader'))).toThrow(/ld.so does not have/);
  });
});

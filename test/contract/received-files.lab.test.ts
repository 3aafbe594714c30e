import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ALONE, CRIU_HOME, insideMounts } from '../../src/helper/enter.ts';
import { criuEntries } from '../../src/helper/image/layers.ts';
import { writeTar } from '../../src/helper/image/tar-writer.ts';
import { compiledCriu, compiledNative, debianRoot } from '../../src/helper/image/toolchain.ts';
import { cacheFolder } from '../lab/cache.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/**
 * A container as a runtime makes it: an overlay as root, read-only; a volume that moves, with another one mounted in it,
 * and a volume that stays, which the container may only read.
 */
const CONTAINER = `
set -e
mount -t tmpfs none "$1"
cd "$1"
mkdir lower upper work root data inner secret
mkdir -p lower/{proc,data,secret,old,sub}
echo old > lower/sub/gone
mkdir data/inner
for each in data data/inner inner secret; do echo kept > "$each/kept"; done
mount -t overlay none -o lowerdir=lower,upperdir=upper,workdir=work root
mount --bind data root/data
mount --bind inner root/data/inner
mount -o remount,bind,ro root/data
mount --bind secret root/secret
mount -o remount,bind,ro root/secret
mount -t proc none root/proc
mount -o remount,bind,ro root
cd root
pivot_root . old
echo ready
read -r
`;

const home = temporaryFolder();
let container: ChildProcess;
let pid = 0;
const seen = (file: string) => `/proc/${pid}/root${file}`;

beforeAll(async () => {
  const cache = path.join(cacheFolder(), 'helper-image');
  const debian = await debianRoot(cache);
  for (const entry of await criuEntries(debian, await compiledCriu(cache, debian))) {
    const file = path.join(home, path.relative('opt/criu', entry.path));
    if (entry.kind === 'directory') mkdirSync(file, { recursive: true });
    if (entry.kind === 'file') writeFileSync(file, entry.data, { mode: entry.mode });
  }
  await compiledNative(['mount-helper.c'], path.join(home, 'mount-helper'));
}, 180_000);

beforeAll(async () => {
  const args = [
    '--mount',
    '--propagation',
    'private',
    '--kill-child',
    '--fork',
    'bash',
    '-c',
    CONTAINER,
    'bash',
    temporaryFolder(),
  ];
  container = spawn('/usr/bin/unshare', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(container.stdout ?? container, 'data');
  pid = Number(readFileSync(`/proc/${container.pid}/task/${container.pid}/children`, 'utf8'));
});

afterAll(() => {
  container.stdin?.end('\n');
});

/** As the helper applies a part of a transfer. */
function apply(at: string, command: readonly string[], input: Buffer | string) {
  const args = insideMounts(pid, { writable: [ALONE], alone: at }, command).map((word) =>
    word.replace(CRIU_HOME, home),
  );
  const { status, stderr } = spawnSync(path.join(home, 'mount-helper'), args, { input, encoding: 'utf8' });
  return { status, stderr };
}

const extract = (at: string, entries: Parameters<typeof writeTar>[0]) =>
  apply(at, ['tar', '--extract', '--file=-', '--numeric-owner', '--directory', ALONE], writeTar(entries));
const remove = (at: string, ...files: string[]) =>
  apply(at, ['mount-helper', 'delete', ALONE], files.map((file) => `${file}\0`).join(''));
const file = (name: string) => ({ kind: 'file' as const, path: name, mode: 0o644, data: Buffer.from('new\n') });

it('files of a root are written to the root, and to nothing that is mounted in it', () => {
  expect(extract('/', [file('sub/made'), file('secret/kept'), file('data/kept'), file('proc/version')])).toEqual({
    status: 0,
    stderr: '',
  });
  expect(readFileSync(seen('/sub/made'), 'utf8')).toBe('new\n');
  for (const volume of ['/secret', '/data', '/data/inner'])
    expect(readFileSync(seen(`${volume}/kept`), 'utf8')).toBe('kept\n');
  expect(remove('/', 'sub/gone', 'secret/kept')).toEqual({ status: 0, stderr: '' });
  // Where something is mounted nothing can be taken away, or it would be gone for the container.
  expect(remove('/', 'data')).toEqual({ status: 1, stderr: expect.stringContaining('Device or resource busy') });
  expect(existsSync(seen('/sub/gone'))).toBe(false);
  expect(existsSync(seen('/secret/kept')) && existsSync(seen('/data/kept'))).toBe(true);
});

it('files of a volume that the container may only read are written to it, and not to one that is mounted in it', () => {
  expect(extract('/data', [file('made'), file('inner/kept')])).toEqual({ status: 0, stderr: '' });
  expect(readFileSync(seen('/data/made'), 'utf8')).toBe('new\n');
  expect(readFileSync(seen('/data/inner/kept'), 'utf8')).toBe('kept\n');
  expect(spawnSync('grep', [' /data .*ro', seen('/proc/self/mountinfo').replace('/root/proc/self', '')]).status).toBe(
    0,
  );
});

it('no path and no link leads out', () => {
  const links = ['/secret', '/data', '../secret', '/at/secret'].map((target, index) => ({
    ...{ kind: 'symlink' as const, path: `link${index}`, mode: 0o777, target },
  }));
  expect(extract('/', links)).toMatchObject({ status: 0 });
  for (const [index] of links.entries()) {
    extract('/', [file(`link${index}/kept`)]);
    remove('/', `link${index}/kept`);
  }
  expect(remove('/', '../proc/tar', 'sub/../../secret/kept', '..').status).not.toBe(0);
  extract('/', [file('../escaped')]);
  for (const volume of ['/secret', '/data', '/data/inner'])
    expect(readFileSync(seen(`${volume}/kept`), 'utf8')).toBe('kept\n');
  expect(existsSync(path.join(home, 'tar'))).toBe(true);
  expect(existsSync(path.join(home, 'kept'))).toBe(false);
});

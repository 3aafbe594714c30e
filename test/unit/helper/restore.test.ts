import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { compiledNative } from '../../../src/helper/image/toolchain.ts';
import { restoreArguments } from '../../../src/helper/restore.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder();
const program = path.join(folder, 'mount-helper');

beforeAll(() => compiledNative(['mount-helper.c'], program));

/** What the program behind the armed mount helper was started with; no namespace is entered. */
function started(input: string) {
  const args = ['enter', '--pid', '1', '--arguments', 'stdin', '--', '/usr/bin/printf', '%s\\n', '--leave-stopped'];
  const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8', maxBuffer: 1e8 });
  return { status, stderr, args: stdout.split('\n').slice(0, -1) };
}

const handover = (externalMounts: string[]) =>
  restoreArguments({ externalMounts, stdio: ['/dev/null', 'pipe:[7]', 'pipe:[7]'], rootMode: 0o755, innerPids: [1] });

describe('what a restore is told over stdin', () => {
  it('is only what the dump decides, added to the fixed options', () => {
    expect(started(handover(['/', '/data']))).toEqual({
      status: 0,
      stderr: '',
      args: [
        ...['--leave-stopped', '--inherit-fd', 'fd[12]:pipe:[7]'],
        ...['--external', 'mnt[/]:.', '--external', 'mnt[/data]:/data'],
      ],
    });
  });

  it('has room for all mounts that a handover may name', () => {
    const points = Array.from({ length: 4096 }, (_, at) => `/mnt/${at}/${'x'.repeat(100)}`);
    expect(started(handover(points)).args).toHaveLength(3 + 2 * points.length);
  });

  it('starts nothing when it was cut short, wherever', () => {
    const whole = handover(['/', '/data']);
    for (const length of [1, 14, 15, whole.indexOf('--external'), whole.length - 17, whole.length - 2]) {
      expect(started(whole.slice(0, length))).toMatchObject({ status: 120, args: [] });
    }
  });

  it('starts nothing, and is no error, when nothing comes', () => {
    expect(started('')).toEqual({ status: 0, stderr: '', args: [] });
  });
});

describe('files that a restore has made in a container', () => {
  const made = (...files: string[]) =>
    spawnSync(program, ['touch'], { input: files.map((file) => `${file}\0`).join(''), encoding: 'utf8' });

  it('are empty, with the directories above them, and what is there stays', () => {
    const [fresh, old] = [path.join(folder, 'run/deep/mark'), path.join(folder, 'old')];
    writeFileSync(old, 'kept');
    expect(made(fresh, old)).toMatchObject({ status: 0 });
    expect([readFileSync(fresh, 'utf8'), readFileSync(old, 'utf8')]).toEqual(['', 'kept']);
  });

  it('are made behind no link of the container', () => {
    const outside = path.join(folder, 'outside');
    mkdirSync(outside);
    symlinkSync(outside, path.join(folder, 'link'));
    symlinkSync(path.join(outside, 'target'), path.join(folder, 'dangling'));
    const { status, stderr } = made(path.join(folder, 'link/mark'), path.join(folder, 'dangling'));
    expect(status).toBe(1);
    expect(stderr.match(/cannot make/g)).toHaveLength(2);
    expect(readdirSync(outside)).toEqual([]);
  });
});

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compiledNative } from '../../../src/helper/image/toolchain.ts';
import { restoreArguments } from '../../../src/helper/restore.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'mount-helper-'));
const program = path.join(folder, 'mount-helper');

beforeAll(() => compiledNative(['mount-helper.c'], program), 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

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

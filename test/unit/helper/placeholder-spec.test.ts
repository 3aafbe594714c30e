import { describe, expect, it } from 'vitest';
import { originalCommand, placeholderCommand, placeholderStartupProbe } from '../../../src/helper/placeholder-spec.ts';
import { bundleFiles, parseProcessSpec } from '../../../src/helper/probe/process-spec.ts';

describe("the placeholder's command", () => {
  it('can be undone, with arguments that look like its own', () => {
    for (const argv of [['redis-server'], ['sh', '-c', 'a -- b'], ['--', '--supervise', '']]) {
      expect(originalCommand(placeholderCommand(argv, false))).toEqual(argv);
      expect(originalCommand(placeholderCommand(argv, true))).toEqual(argv);
      expect(originalCommand(argv)).toEqual(argv);
    }
  });

  it('is taken off a container that was moved before', () => {
    const process = {
      args: placeholderCommand(['/srv', 'x'], false),
      env: ['A=secret', 'B'],
      cwd: '/',
      user: { uid: 1, gid: 2, additionalGids: [3] },
    };
    expect(parseProcessSpec(JSON.stringify({ process }))).toEqual({
      args: ['/srv', 'x'],
      envNames: ['A', 'B'],
      cwd: '/',
      uid: 1,
      gid: 2,
      groups: [3],
      terminal: false,
    });
  });
});

describe("a container's bundle", () => {
  it.each([
    [
      'containerd’s shim, beside that of its first container',
      ['/usr/bin/containerd-shim-runc-v2', '-namespace', 'k8s.io'],
      '/proc/7/cwd/../c1/config.json',
    ],
    [
      'CRI-O’s conmon, wherever its runroot is',
      ['/usr/bin/conmon', '-b', '/run/other/c1/userdata', '-c', 'c1'],
      '/proc/7/root/run/other/c1/userdata/config.json',
    ],
    ['a conmon that names none', ['/usr/bin/conmon', '-b', 'relative'], '/proc/7/cwd/../c1/config.json'],
  ])('is looked for by %s', (_monitor, commandLine, first) => {
    expect(bundleFiles('c1', { pid: 7, commandLine })[0]).toBe(first);
  });
});

describe("the placeholder's startup probe", () => {
  const times = { initialDelaySeconds: 5, periodSeconds: 10, timeoutSeconds: 2, failureThreshold: 3 };
  const encoded = (probe: Parameters<typeof placeholderStartupProbe>[0]) =>
    placeholderStartupProbe(probe).exec.command.slice(1);

  it('holds the others back also where the source has none', () => {
    expect(encoded(undefined)).toEqual(['startup']);
  });

  it('carries the original with its budget in seconds', () => {
    expect(encoded({ ...times, kind: 'tcp', port: 80 })).toEqual(['startup', '2', '35', 'tcp', '', '80']);
    expect(encoded({ ...times, kind: 'exec', command: ['test', '-f', '/x'] })).toEqual([
      'startup',
      '2',
      '35',
      'exec',
      '--',
      'test',
      '-f',
      '/x',
    ]);
    expect(encoded({ ...times, kind: 'http', port: 80, path: '/h', headers: [{ name: 'A', value: 'b' }] })).toEqual([
      'startup',
      '2',
      '35',
      'http',
      '',
      '80',
      '/h',
      'A',
      'b',
    ]);
  });

  it('is given more time than the original takes', () => {
    expect(placeholderStartupProbe({ ...times, kind: 'tcp', port: 80 }).timeoutSeconds).toBe(3);
  });
});

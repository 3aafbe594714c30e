import { describe, expect, it } from 'vitest';
import { imageOf, pod } from '../support/manifests.ts';
import { scenario } from '../support/scenario.ts';

const BETWEEN = ['--context', 'east', '--to-context', 'west', '--yes'];

/** Watches what its arguments name through inotify, and says how many events have come. */
const WATCHER = `
import ctypes, os, sys, threading
libc = ctypes.CDLL(None)
watcher = libc.inotify_init1(0)
kept = [open(name) for name in sys.argv[1:] if os.path.isfile(name)]
for name in sys.argv[1:]:
    assert libc.inotify_add_watch(watcher, name.encode(), 0x100) >= 0, name
print("watching", flush=True)
while os.read(watcher, 4096):
    print("event", flush=True)
`;

function watching(lab: Parameters<typeof imageOf>[0], namespace: string, ...names: string[]): object[] {
  const volumeMounts = [
    { name: 'conf', mountPath: '/conf' },
    { name: 'data', mountPath: '/data' },
  ];
  const volumes = [
    { name: 'conf', configMap: { name: 'conf' } },
    { name: 'data', emptyDir: {} },
  ];
  const container = { command: ['python3', '-c', WATCHER, ...names], volumeMounts };
  return [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'conf', namespace }, data: { 'a.conf': 'a' } },
    pod({ namespace, name: 'p', image: imageOf(lab, 'python'), container, spec: { volumes } }),
  ];
}

describe('files that a program watches', () => {
  it('are found before the freeze where they would not be found again', () =>
    scenario('unwatch', async ({ lab, namespace, kubectl, migrate }) => {
      const objects = watching(lab, namespace, '/tmp', '/conf/a.conf');
      await kubectl.apply('east', objects);
      await kubectl.apply('west', objects.slice(0, 1));
      await kubectl.ready('east', namespace, 'p');
      const refused = await migrate(['pod', 'p', ...BETWEEN, '-o', 'json']);
      expect(refused.code).toBe(5);
      const { error } = JSON.parse(refused.stdout) as { error: { findings: { code: string; what: string }[] } };
      expect(error.findings.map(({ code, what }) => `${code} ${what}`).toSorted()).toEqual([
        expect.stringMatching(/^E150 .*\/conf\/\.\..*a\.conf open \(volume-file\)/),
        expect.stringMatching(/^E150 .*watches \/conf\/\.\.data\/a\.conf.*\(file-watch\)/),
        expect.stringMatching(/^E150 .*watches a file of the container’s own file system.*\(file-watch\)/),
      ]);
    }));
});

import { describe, expect, it } from 'vitest';
import { holds, shows } from '../support/compatibility.ts';
import { imageOf, pod } from '../support/manifests.ts';
import { scenario } from '../support/scenario.ts';

const BETWEEN = ['--context', 'east', '--to-context', 'west', '--yes'];

interface Checked {
  readonly movable: boolean;
  readonly needProbe: readonly object[];
  readonly nodes: readonly { readonly asked?: boolean; readonly reasons: readonly string[] }[];
  readonly findings: readonly { readonly code: string; readonly what: string }[];
}

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
  it(
    'are found before the freeze where they would not be found again',
    shows(
      holds('inotify watch on a file of the image or of a ConfigMap', { declined: 'E150' }),
      holds('open file of a ConfigMap', { declined: 'E150' }),
    ),
    () =>
      scenario('unwatch', async ({ lab, namespace, kubectl, migrate, leftOf }) => {
        const objects = watching(lab, namespace, '/tmp', '/conf/a.conf');
        await kubectl.apply('east', objects);
        await kubectl.apply('west', objects.slice(0, 1));
        await kubectl.ready('east', namespace, 'p');
        const checked = await migrate(['check', 'pod', 'p', ...BETWEEN, '--probe', '-o', 'json']);
        expect(checked.code).toBe(5);
        const { movable, needProbe, findings, nodes } = JSON.parse(checked.stdout) as Checked;
        expect({ movable, needProbe }).toEqual({ movable: false, needProbe: [] });
        expect(nodes.filter(({ asked }) => asked)).toMatchObject([{ reasons: [] }]);
        expect(findings.map(({ code, what }) => `${code} ${what}`).toSorted()).toEqual([
          expect.stringMatching(/^E150 .*\/conf\/\.\..*a\.conf open \(volume-file\)/),
          expect.stringMatching(/^E150 .*watches \/conf\/\.\.data\/a\.conf.*\(file-watch\)/),
          expect.stringMatching(/^E150 .*watches a file of the container’s own file system.*\(file-watch\)/),
          expect.stringMatching(/^W201 /),
        ]);
        expect(await leftOf(checked)).toEqual([]);
      }),
  );
});

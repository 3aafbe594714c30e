import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { folders } from '../lab/folders.ts';
import { holds, ofPod, shows } from '../support/compatibility.ts';
import { imageOf, pod } from '../support/manifests.ts';
import { headless, statefulSet } from '../support/owned.ts';
import { type Scenario, type ScenarioOptions, scenario } from '../support/scenario.ts';
import { claimSpec, removeVolumes, sharedVolume } from '../support/shared-volume.ts';

/**
 * Numbers lines in a file that it keeps open, with a name of its own for this process; on demand it also holds a lock on
 * a file of the volume and keeps a file open there that has no name any more.
 */
const APPENDER = `
import fcntl, os, sys, time
log = open('/data/log', 'a', buffering=1)
run, number = os.urandom(4).hex(), 0
if 'greedy' in sys.argv:
    held, gone = open('/data/held', 'w'), open('/data/gone', 'w+')
    fcntl.flock(held, fcntl.LOCK_EX)
    print('kept', file=gone, flush=True)
    os.unlink('/data/gone')
while True:
    number += 1
    if 'greedy' in sys.argv:
        gone.seek(0)
        assert gone.read() == 'kept\\n'
    print(run, number, file=log)
    time.sleep(0.02)
`;

const container = (...words: string[]) => ({
  command: ['python3', '-c', APPENDER, ...words],
  volumeMounts: [{ name: 'data', mountPath: '/data' }],
});

/** What was written to the volume: by how many processes, and whether a number is missing, double or out of turn. */
function written(namespace: string, claim: string) {
  const lines = readFileSync(path.join(folders.shared, `${namespace}-${claim}`, 'log'), 'utf8')
    .trimEnd()
    .split('\n');
  const numbers = lines.map((line) => Number(line.split(' ')[1]));
  const writers = new Set(lines.map((line) => line.split(' ')[0]));
  return { count: lines.length, writers: writers.size, inOrder: numbers.every((number, at) => number === at + 1) };
}

/** The log goes on growing, by the one process that began it. */
async function goesOn(namespace: string, claim: string): Promise<void> {
  const { count } = written(namespace, claim);
  await expect.poll(() => written(namespace, claim).count, { timeout: 5000 }).toBeGreaterThan(count + 5);
  expect(written(namespace, claim)).toMatchObject({ writers: 1, inOrder: true });
}

async function withVolumes(
  options: ScenarioOptions,
  claims: string[],
  act: (scene: Scenario) => Promise<void>,
): Promise<void> {
  await scenario(options, async (scene) => {
    try {
      await act(scene);
    } finally {
      await removeVolumes(scene.kubectl, scene.namespace, claims);
    }
  });
}

describe('a persistent volume', () => {
  it(
    'that one node may mount changes hands within its cluster, with lock and nameless file',
    shows(ofPod('ReadWriteOnce volume, within the cluster', { to: 'node' })),
    () =>
      withVolumes(
        { name: 'volume-once', rights: ['within east'] },
        ['data-db-0'],
        async ({ lab, namespace, kubectl, migrate }) => {
          const volumeClaimTemplates = [{ metadata: { name: 'data' }, spec: claimSpec('ReadWriteOnce') }];
          await kubectl.apply('east', [
            ...sharedVolume({ namespace, claim: 'data-db-0', mode: 'ReadWriteOnce', withClaim: false }),
            statefulSet({
              ...{ namespace, name: 'db', image: imageOf(lab, 'python'), container: container('greedy') },
              owner: { volumeClaimTemplates },
            }),
            headless(namespace, 'db', 8080),
          ]);
          await kubectl.rolledOut('east', namespace, 'statefulset/db');
          const { spec } = await kubectl.json<{ spec: { nodeName: string } }>('east', ['-n', namespace, 'pod', 'db-0']);
          const other = spec.nodeName === 'east-1' ? 'east-2' : 'east-1';

          const ended = await migrate(['pod', 'db-0', '--context', 'east', '--to-node', other, '--yes']);
          expect(ended.code).toBe(0);
          expect(ended.stderr).toContain(`${spec.nodeName} unmounts data-db-0 before ${other} mounts it`);
          const moved = await kubectl.json<{ spec: { nodeName: string } }>('east', ['-n', namespace, 'pod', 'db-0']);
          expect(moved.spec.nodeName).toBe(other);
          await goesOn(namespace, 'data-db-0');
          // Nothing of CRIU's, and nothing of the rehearsal's.
          expect(readdirSync(path.join(folders.shared, `${namespace}-data-db-0`)).toSorted()).toEqual(['held', 'log']);
        },
      ),
  );

  it(
    'that both clusters mount is found there, unless the program holds what cannot be had twice',
    shows(
      ofPod('ReadWriteMany volume that both clusters mount'),
      holds('lock or deleted file on a volume that both clusters mount', { declined: 'E150' }),
    ),
    () =>
      withVolumes({ name: 'volume-many' }, ['data', 'held'], async ({ lab, namespace, kubectl, migrate }) => {
        const image = imageOf(lab, 'python');
        const many = (claim: string) => sharedVolume({ namespace, claim, mode: 'ReadWriteMany' });
        const volumes = (claimName: string) => [{ name: 'data', persistentVolumeClaim: { claimName } }];
        await Promise.all(
          (['east', 'west'] as const).map((context) => kubectl.apply(context, [...many('data'), ...many('held')])),
        );
        await kubectl.apply('east', [
          pod({ namespace, name: 'log', image, container: container(), spec: { volumes: volumes('data') } }),
          pod({ namespace, name: 'greedy', image, container: container('greedy'), spec: { volumes: volumes('held') } }),
        ]);
        await Promise.all(['log', 'greedy'].map((name) => kubectl.ready('east', namespace, name)));
        const bound = ['wait', 'pvc', '--all', '--for=jsonpath={.status.phase}=Bound', '--timeout=60s'];
        await kubectl.run('west', ['-n', namespace, ...bound]);

        const between = ['--context', 'east', '--to-context', 'west', '--yes'];
        const ended = await migrate(['pod', 'log', ...between]);
        expect(ended.code, ended.stderr).toBe(0);
        await goesOn(namespace, 'data');

        const refused = await migrate(['pod', 'greedy', ...between, '-o', 'json']);
        expect(refused.code).toBe(5);
        const { error } = JSON.parse(refused.stdout) as { error: { findings: { what: string }[] } };
        expect(error.findings.map(({ what }) => what).toSorted()).toEqual([
          expect.stringContaining('has a deleted file open: /data/gone (shared-file)'),
          expect.stringContaining('holds a lock on /data/held (shared-file)'),
        ]);
        await goesOn(namespace, 'held');
      }),
  );
});

import { describe, expect, it } from 'vitest';
import { ofPod, shows } from '../support/compatibility.ts';
import { ask, type Counter, expectSameProcess } from '../support/counter.ts';
import type { Context, Kubectl } from '../support/kubectl.ts';
import { imageOf, pod } from '../support/manifests.ts';
import { type Scenario, scenario, THERE_AND_BACK } from '../support/scenario.ts';

/**
 * Counts, under a name that it makes up when it starts: to redis over one loopback connection, to a file that it has
 * mapped in /dev/shm, and to a file of the volume. Ends when its connection does.
 */
const BEAT = `
import mmap, os, socket, time, uuid
me, n = uuid.uuid4(), 0
while True:
    try:
        redis = socket.create_connection(('127.0.0.1', 6379))
        break
    except OSError:
        time.sleep(0.1)
shm = os.open('/dev/shm/beat', os.O_RDWR | os.O_CREAT)
os.ftruncate(shm, 4096)
memory = mmap.mmap(shm, 4096)
while True:
    n += 1
    words = f'{me} {n}'
    redis.sendall(f'*3\\r\\n$3\\r\\nSET\\r\\n$4\\r\\nbeat\\r\\n\${len(words)}\\r\\n{words}\\r\\n'.encode())
    assert redis.recv(100) == b'+OK\\r\\n'
    memory[:len(words) + 1] = f'{words}\\n'.encode()
    with open('/shared/beat.new', 'w') as file:
        file.write(f'{words}\\n')
    os.replace('/shared/beat.new', '/shared/beat')
    time.sleep(0.02)
`;

function manifest({ lab, namespace }: Scenario): object {
  const volumeMounts = [{ name: 'shared', mountPath: '/shared' }];
  const note = 'read id < /proc/sys/kernel/random/uuid; echo $id >> /shared/setup';
  return pod({
    namespace,
    name: 'app',
    image: imageOf(lab, 'redis'),
    node: 'east-2',
    port: 6379,
    spec: {
      volumes: [{ name: 'shared', emptyDir: {} }],
      initContainers: [
        { name: 'setup', image: imageOf(lab, 'redis'), command: ['sh', '-c', note], volumeMounts },
        {
          name: 'beat',
          image: imageOf(lab, 'python'),
          restartPolicy: 'Always',
          command: ['python3', '-c', BEAT],
          volumeMounts,
        },
      ],
      containers: [
        {
          name: 'redis',
          image: imageOf(lab, 'redis'),
          readinessProbe: { tcpSocket: { port: 6379 }, periodSeconds: 1 },
          volumeMounts: [{ name: 'shared', mountPath: '/elsewhere' }],
        },
        {
          name: 'counter',
          image: imageOf(lab, 'static'),
          readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
          securityContext: { readOnlyRootFilesystem: true },
        },
      ],
    },
  });
}

/** What redis was told, what lies in the shared memory, and what in the volume, all seen from redis's container. */
async function beats(kubectl: Kubectl, context: Context, namespace: string) {
  const inside = (...words: string[]) =>
    kubectl.run(context, ['-n', namespace, 'exec', 'app', '-c', 'redis', '--', ...words]);
  const seen = [
    await inside('redis-cli', 'GET', 'beat'),
    await inside('sh', '-c', 'read line < /dev/shm/beat; echo $line'),
    await inside('sh', '-c', 'read line < /elsewhere/beat; echo $line'),
  ];
  return seen.map((line) => {
    const [who, count] = line.trim().split(' ');
    return { who, count: Number(count) };
  });
}

/** Waits until the sidecar has told of itself in all places, for no probe asks whether it has; yields its name. */
async function beating({ kubectl, namespace }: Scenario, context: Context): Promise<string | undefined> {
  const who = async () => [...new Set((await beats(kubectl, context, namespace)).map((beat) => beat.who))].join();
  await expect.poll(who, { timeout: 20_000 }).toMatch(/^[0-9a-f-]{36}$/);
  return who();
}

interface Statuses {
  readonly status: {
    readonly containerStatuses: { readonly name: string; readonly restartCount: number }[];
    readonly initContainerStatuses: { readonly name: string; readonly restartCount: number }[];
  };
}

function runIdOf({ namespace, kubectl }: Scenario, context: Context): Promise<string | undefined> {
  const info = ['-n', namespace, 'exec', 'app', '-c', 'redis', '--', 'redis-cli', 'INFO', 'server'];
  return kubectl.run(context, info).then((text) => /run_id:(\w+)/.exec(text)?.[1]);
}

async function expectNothingRestarted({ namespace, kubectl }: Scenario, context: Context): Promise<void> {
  const { status } = await kubectl.json<Statuses>(context, ['-n', namespace, 'pod', 'app']);
  const all = [...status.initContainerStatuses, ...status.containerStatuses];
  expect(all.map(({ name }) => name).sort()).toEqual(['beat', 'counter', 'kubectl-migrate', 'redis']);
  expect(all.filter(({ restartCount }) => restartCount > 0)).toEqual([]);
}

async function expectMoved(scene: Scenario, from: Context, to: Context): Promise<void> {
  const { namespace, kubectl, migrate } = scene;
  const before = await beats(kubectl, from, namespace);
  const server = await runIdOf(scene, from);
  const counted = await ask<Counter>(kubectl, from, namespace, 'app');
  const ended = await migrate(['pod', 'app', '--context', from, '--to-context', to, '--yes']);
  expect(ended.code).toBe(0);

  const after = await beats(kubectl, to, namespace);
  const later = await beats(kubectl, to, namespace);
  for (const [index, beat] of before.entries()) {
    expect(after[index]?.who).toBe(beat.who);
    expect(after[index]?.count).toBeGreaterThan(beat.count);
    expect(later[index]?.count).toBeGreaterThan(after[index]?.count ?? 0);
  }
  expect(server).toBeTruthy();
  expect(await runIdOf(scene, to)).toBe(server);
  expectSameProcess(counted, await ask<Counter>(kubectl, to, namespace, 'app'));
  await expectNothingRestarted(scene, to);
}

/** The counter goes on; redis and the sidecar are other processes, of the same images, and beat on together. */
async function expectCounterMovedAlone(scene: Scenario): Promise<void> {
  const { namespace, kubectl, migrate } = scene;
  const [before] = await beats(kubectl, 'east', namespace);
  const server = await runIdOf(scene, 'east');
  const counted = await ask<Counter>(kubectl, 'east', namespace, 'app');
  const ended = await migrate(['pod', 'app', '-c', 'counter', '--context', 'east', '--to-context', 'west', '--yes']);
  expect(ended.code).toBe(0);
  expect(ended.stderr).toMatch(/W215 +beat, redis start afresh/);
  expectSameProcess(counted, await ask<Counter>(kubectl, 'west', namespace, 'app'));
  expect(await runIdOf(scene, 'west')).not.toBe(server);
  expect(await beating(scene, 'west')).not.toBe(before?.who);
  await expectNothingRestarted(scene, 'west');
  expect((await kubectl.try('east', ['-n', namespace, 'get', 'pod', 'app'])).code).not.toBe(0);
}

describe('a pod of several containers', () => {
  it(
    'moves with all of them, there and back: sidecar, shared memory and volume, connections between them; then one alone',
    shows(ofPod('sidecars'), ofPod('/dev/shm shared by containers'), ofPod('one container alone (-c)')),
    () =>
      scenario({ name: 'several', rights: THERE_AND_BACK }, async (scene) => {
        const { namespace, kubectl } = scene;
        await kubectl.apply('east', [manifest(scene)]);
        await kubectl.ready('east', namespace, 'app');
        await beating(scene, 'east');
        await expectMoved(scene, 'east', 'west');
        await expectMoved(scene, 'west', 'east');
        const count = 'n=0; while read line; do n=$((n+1)); done < /elsewhere/setup; echo $n';
        const ran = await kubectl.run('east', ['-n', namespace, 'exec', 'app', '-c', 'redis', '--', 'sh', '-c', count]);
        expect(ran.trim()).toBe('1');
        await expectCounterMovedAlone(scene);
      }),
  );
});

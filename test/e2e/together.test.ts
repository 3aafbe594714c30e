import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { holds, ofPod, program, shows } from '../support/compatibility.ts';
import { ask, expectSameProcess } from '../support/counter.ts';
import type { Context } from '../support/kubectl.ts';
import { httpLoad } from '../support/load-client.ts';
import { imageOf, pod, service } from '../support/manifests.ts';
import { type Scenario, scenario } from '../support/scenario.ts';

const KERNEL_OBJECTS = readFileSync(path.join(import.meta.dirname, '../fixtures/kernel-objects.py'), 'utf8');

/** Four programs that have nothing to do with one another, so that one move tells about all. */
function manifest({ lab, namespace }: Scenario): object {
  const container = (name: string, image: string, port: number, rest: object = {}) => ({
    name,
    image: imageOf(lab, image),
    readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
    ...rest,
  });
  return pod({
    namespace,
    name: 'app',
    image: '',
    node: 'east-2',
    spec: {
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'conf', configMap: { name: 'conf' } },
      ],
      containers: [
        container('jvm', 'jvm-counter', 8080, { resources: { limits: { memory: '256Mi' } } }),
        container('nginx', 'nginx', 8081),
        container('held', 'python', 8082, {
          command: ['python3', '-c', KERNEL_OBJECTS, '/data', '/conf'],
          volumeMounts: [
            { name: 'data', mountPath: '/data' },
            { name: 'conf', mountPath: '/conf' },
          ],
        }),
        container('memcached', 'memcached', 11211),
      ],
    },
  });
}

/** What memcached answers to some lines of its protocol. */
async function memcached({ kubectl, namespace }: Scenario, context: Context, lines: string): Promise<string> {
  const words = ['-n', namespace, 'exec', 'app', '-c', 'memcached', '--', 'sh', '-c'];
  return kubectl.run(context, [...words, `printf '${lines}quit\\r\\n' | nc 127.0.0.1 11211`]);
}

/** Which processes nginx has, and how many requests its workers have counted together, this one included. */
async function nginx({ kubectl, namespace }: Scenario, context: Context) {
  const status = await kubectl.run(context, ['get', '--raw', `/api/v1/namespaces/${namespace}/pods/app:8081/proxy/`]);
  const ps = await kubectl.run(context, ['-n', namespace, 'exec', 'app', '-c', 'nginx', '--', 'ps', '-o', 'user,args']);
  return {
    processes: ps.split('\n').filter((line) => /nginx: (master|worker)/.test(line)),
    requests: Number(/\d+ \d+ (\d+) \n/.exec(status)?.[1]),
  };
}

/** What the connection-oriented statistics of memcached say of the process. */
function statistics(text: string) {
  const value = (name: string) => Number(new RegExp(`STAT ${name} (\\d+)`).exec(text)?.[1]);
  return { uptime: value('uptime'), gets: value('cmd_get'), sets: value('cmd_set'), hits: value('get_hits') };
}

const OBJECTS = [
  'deleted file',
  'epoll',
  'eventfd',
  'flock',
  'inotify watch on a volume',
  'memfd',
  'memory-mapped file',
  'pipe between processes',
  'signalfd with a signal in it',
  'timerfd',
  'UNIX socket pair',
];
const SHOWN = [
  ...['JVM', 'memcached', 'nginx with workers'].map((name) => program(name)),
  ...OBJECTS.map((name) => holds(name)),
  ofPod('several containers'),
];

it(
  'a JVM under load, nginx with its workers, memcached, and a program with every kernel object, in one pod',
  shows(...SHOWN),
  () =>
    scenario('together', async (scene) => {
      const { lab, namespace, kubectl, migrate } = scene;
      const conf = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'conf', namespace },
        data: { 'a.conf': 'a' },
      };
      await Promise.all([
        kubectl.apply('east', [conf, manifest(scene), service(namespace, 'app', 8080)]),
        kubectl.apply('west', [conf]),
      ]);
      await kubectl.ready('east', namespace, 'app');
      const load = await httpLoad({ lab, kubectl, context: 'east', namespace, name: 'client' }, 'http://app:8080/');
      await load.going;
      const { token, pid } = await kubectl.http<{ token: string; pid: number }>('east', namespace, 'app', 8082, '/put');
      expect(await memcached(scene, 'east', 'set moved 0 0 5\\r\\nhello\\r\\nget moved\\r\\n')).toContain('STORED');
      const before = {
        jvm: await ask(kubectl, 'east', namespace, 'app'),
        nginx: await nginx(scene, 'east'),
        memcached: statistics(await memcached(scene, 'east', 'stats\\r\\n')),
      };
      expect(before.nginx.processes).toHaveLength(3);

      const ended = await migrate(['pod', 'app', '--context', 'east', '--to-context', 'west', '--yes']);
      expect(ended.code).toBe(0);

      expect(await kubectl.http('west', namespace, 'app', 8082, '/take')).toEqual({
        pid,
        epoll: ['event', 'pair', 'signal', 'watch'],
        eventfd: 7,
        flock: true,
        inotify: true,
        signalfd: 10,
        timerfd: true,
        pipe: [30, 42],
        socketpair: token,
        deleted: token,
        memfd: token,
        mapped: [token, token],
      });
      expect(await nginx(scene, 'west')).toEqual({ ...before.nginx, requests: before.nginx.requests + 1 });
      expect(await memcached(scene, 'west', 'get moved\\r\\n')).toContain('hello');
      const { uptime, ...counts } = statistics(await memcached(scene, 'west', 'stats\\r\\n'));
      expect(uptime).toBeGreaterThanOrEqual(before.memcached.uptime);
      expect(counts).toEqual({ gets: 2, sets: 1, hits: 2 });
      const summary = await load.stop();
      expect(summary).toMatchObject({ countWentBack: [], uptimeWentBack: [] });
      const after = await ask(kubectl, 'west', namespace, 'app');
      expect(after.count).toBeGreaterThan(summary.acknowledged);
      expectSameProcess({ ...before.jvm, count: after.count - 1 }, after);
    }),
);

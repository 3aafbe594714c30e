import type { Kubectl } from './kubectl.ts';
import { type Load, type RedisSummary, redisLoad } from './load-client.ts';
import { imageOf, type PodOptions, pod, service } from './manifests.ts';
import type { Scenario } from './scenario.ts';

/** What a pod of redis is made of. */
export function redisPod({ lab, namespace }: Scenario, name: string) {
  return { namespace, name, image: imageOf(lab, 'redis'), port: 6379 };
}

/** A redis in the east with a service. */
async function redis(scene: Scenario, more: Pick<PodOptions, 'container' | 'spec'> = {}) {
  const { kubectl, namespace } = scene;
  await kubectl.apply('east', [
    pod({ ...redisPod(scene, 'redis'), node: 'east-2', ...more }),
    service(namespace, 'redis', 6379),
  ]);
  await kubectl.ready('east', namespace, 'redis');
}

/** A redis in the east with a service, and a client on the other node there that writes to it and is at it. */
export async function redisUnderWrites(scene: Scenario): Promise<Load<RedisSummary>> {
  await redis(scene);
  const load = await redisLoad({ ...scene, context: 'east', name: 'client', node: 'east-1' }, 'redis:6379');
  await load.going;
  return load;
}

/** A redis in the east with a service and files; by default with so many that copying them takes a moment. */
export async function redisWithFiles(scene: Scenario, megabytes = 100): Promise<void> {
  await redis(scene, {
    container: { volumeMounts: [{ name: 'data', mountPath: '/data' }] },
    spec: { volumes: [{ name: 'data', emptyDir: {} }] },
  });
  await fillDisk(scene.kubectl, scene.namespace, megabytes);
}

let clients = 0;

/** A client of a name of its own that writes to the redis, and is at it. `patience`: see `redisLoad`. */
export async function writingTo(scene: Scenario, patience?: string): Promise<Load<RedisSummary>> {
  clients += 1;
  const load = await redisLoad({ ...scene, context: 'east', name: `client-${clients}` }, 'redis:6379', patience);
  await load.going;
  return load;
}

/** A file in the volume, written by redis itself, and nothing of it left in memory. */
async function fillDisk(kubectl: Kubectl, namespace: string, megabytes: number): Promise<void> {
  const fill = `for i=1,${megabytes * 1000} do redis.call('set','k'..i,string.rep('x',1000)) end`;
  for (const words of [
    ['config', 'set', 'rdbcompression', 'no'],
    ['eval', fill, '0'],
    ['save'],
    ['flushall'],
    ['memory', 'purge'],
  ]) {
    await kubectl.run('east', ['-n', namespace, 'exec', 'redis', '--', 'redis-cli', ...words]);
  }
}

import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { killWhen, newMachine, wrote } from '../support/kill.ts';
import type { Context } from '../support/kubectl.ts';
import { redisLoad } from '../support/load-client.ts';
import { imageOf, pod, service } from '../support/manifests.ts';
import { accountForWrites } from '../support/redis-writes.ts';
import { type Scenario, scenario, THERE_AND_BACK } from '../support/scenario.ts';

interface Kill {
  readonly name: string;
  readonly says: (lines: readonly string[]) => boolean;
  readonly command: 'resume' | 'rollback';
}

/** One in each part of a move. With `FAULTS=full` after every single write to the record. */
const KILLS: readonly Kill[] =
  process.env['FAULTS'] === 'full'
    ? Array.from({ length: 16 }, (_, index) => ({
        name: `write ${index + 1}`,
        says: (lines: readonly string[]) => lines.length >= index + 1,
        command: index % 2 === 0 ? 'resume' : 'rollback',
      }))
    : [
        { name: 'while the target is prepared', says: wrote('placeholder', 'intent'), command: 'rollback' },
        { name: 'in the freeze', says: wrote('freeze', 'intent'), command: 'resume' },
        { name: 'right after the commit', says: wrote('commit', 'commit'), command: 'resume' },
      ];

const other = (place: Context): Context => (place === 'east' ? 'west' : 'east');

async function redisUnderLoad({ lab, namespace, kubectl }: Scenario) {
  await kubectl.apply('east', [
    pod({ namespace, name: 'redis', image: imageOf(lab, 'redis'), node: 'east-2', port: 6379 }),
    service(namespace, 'redis', 6379),
  ]);
  await kubectl.ready('east', namespace, 'redis');
  const load = await redisLoad({ lab, kubectl, context: 'east', namespace, name: 'client' }, 'redis:6379');
  await load.going;
  return load;
}

/** Kills the plugin once and brings the move to its end from another machine; yields where the pod is then. */
async function killOnce(scene: Scenario, place: Context, { says, command }: Kill): Promise<Context> {
  const { migrate, kubectl, namespace } = scene;
  const to = other(place);
  const contexts = ['--context', place, '--to-context', to];
  const machine = newMachine();
  const flags = ['--to-node', `${to}-1`, '--max-freeze', '5s', '--yes'];
  await migrate(['pod', 'redis', ...contexts, ...flags], killWhen(machine, says));
  const id = machine.record()?.id;
  if (id === undefined) throw new Error('nothing was begun');
  // Another machine has no copy of the record: it finds it in the clusters.
  const { env } = newMachine();
  let ended = await migrate([command, id, ...contexts, '-o', 'json'], { env });
  if (ended.code === 5) ended = await migrate(['resume', id, ...contexts, '-o', 'json'], { env });
  expect(ended).toMatchObject({ code: 0 });
  const { ending, next } = JSON.parse(ended.stdout) as { ending: string; next: string };
  expect(next).toContain(ending === 'moved' ? `cleanup ${id}` : 'pod redis');
  const now = ending === 'moved' ? to : place;
  const pods = await Promise.all(
    (['east', 'west'] as const).map(async (context) => [
      context,
      (await kubectl.try(context, ['-n', namespace, 'get', 'pod', 'redis'])).code === 0,
    ]),
  );
  expect(Object.fromEntries(pods)).toEqual({ [now]: true, [other(now)]: false });
  const records = await kubectl.run(now, ['-n', 'kubectl-migrate', 'get', 'pods,leases,configmaps', '-o', 'name']);
  const left = records.split('\n').filter((name) => name.includes(id) || name.includes(`.${namespace}.`));
  expect(left).toEqual(ending === 'moved' ? [`configmap/${id}`] : []);
  return now;
}

describe('a plugin that is killed', () => {
  it(
    'leaves a move that another machine brings to its end, and loses no write',
    () =>
      scenario({ name: 'crash', rights: THERE_AND_BACK }, async (scene) => {
        const load = await redisUnderLoad(scene);
        let place: Context = 'east';
        for (const kill of KILLS) {
          place = await killOnce(scene, place, kill);
          const { kubectl, namespace } = scene;
          const answer = await kubectl.run(place, ['-n', namespace, 'exec', 'redis', '--', 'redis-cli', 'PING']);
          expect(answer, kill.name).toBe('PONG\n');
        }
        const summary = await load.stop();
        const account = await accountForWrites(
          scene.kubectl,
          { context: place, namespace: scene.namespace, pod: 'redis' },
          summary,
        );
        expect(account).toMatchObject({ lost: [], twice: [] });
        expect(account.acknowledged).toBeGreaterThan(100);
      }),
    KILLS.length * 90_000,
  );
});

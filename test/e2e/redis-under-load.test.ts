import { describe, expect, it } from 'vitest';
import { owner, program, shows } from '../support/compatibility.ts';
import { redisUnderWrites } from '../support/redis.ts';
import { accountForWrites } from '../support/redis-writes.ts';
import { scenario, THERE_AND_BACK } from '../support/scenario.ts';

describe('redis that is written to through its service', () => {
  it(
    'keeps every acknowledged write on the way there and back',
    shows(program('redis'), owner('nobody (bare pod)')),
    async () => {
      await scenario({ name: 'redis', rights: THERE_AND_BACK }, async (scene) => {
        const { namespace, kubectl, migrate } = scene;
        const load = await redisUnderWrites(scene);

        const there = await migrate([
          'pod',
          'redis',
          '--context',
          'east',
          '--to-context',
          'west',
          '--yes',
          '-o',
          'json',
        ]);
        expect(there.code).toBe(0);
        await expect(kubectl.run('east', ['-n', namespace, 'get', 'pod', 'redis'])).rejects.toThrow(/not found/i);
        expect(await selectorOf(kubectl, namespace)).toBeUndefined();

        const back = await migrate([
          'pod',
          'redis',
          '--context',
          'west',
          '--to-context',
          'east',
          '--yes',
          '-o',
          'json',
        ]);
        expect(back.code).toBe(0);
        const summary = await load.stop();
        const account = await accountForWrites(kubectl, { context: 'east', namespace, pod: 'redis' }, summary);
        expect(account.acknowledged).toBeGreaterThan(500);
        expect(account.lost).toEqual([]);
        expect(account.twice).toEqual([]);
        expect(await selectorOf(kubectl, namespace)).toEqual({ app: 'redis' });
        const slices = await kubectl.run('east', ['-n', namespace, 'get', 'endpointslices', '-o', 'name']);
        expect(slices).not.toContain('-migrate-');
      });
    },
  );
});

async function selectorOf(
  kubectl: { json<T>(context: 'east', args: readonly string[]): Promise<T> },
  namespace: string,
) {
  const { spec } = await kubectl.json<{ spec: { selector?: object } }>('east', ['-n', namespace, 'service', 'redis']);
  return spec.selector;
}

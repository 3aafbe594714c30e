import { describe, expect, it } from 'vitest';
import { owner, program, shows } from '../support/compatibility.ts';
import { redisLoad } from '../support/load-client.ts';
import { imageOf, pod, service } from '../support/manifests.ts';
import { accountForWrites } from '../support/redis-writes.ts';
import { scenario, THERE_AND_BACK } from '../support/scenario.ts';

describe('redis that is written to through its service', () => {
  it(
    'keeps every acknowledged write on the way there and back',
    shows(program('redis'), owner('nobody (bare pod)')),
    async () => {
      await scenario({ name: 'redis', rights: THERE_AND_BACK }, async ({ lab, namespace, kubectl, migrate }) => {
        await kubectl.apply('east', [
          pod({ namespace, name: 'redis', image: imageOf(lab, 'redis'), node: 'east-2', port: 6379 }),
          service(namespace, 'redis', 6379),
        ]);
        await kubectl.ready('east', namespace, 'redis');
        const client = { lab, kubectl, context: 'east', namespace, name: 'client', node: 'east-1' } as const;
        const load = await redisLoad(client, 'redis:6379');
        await load.going;

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

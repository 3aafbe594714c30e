import { describe, expect, it } from 'vitest';
import type { Pod } from '../../src/kube/objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { allReady } from '../fixtures/two-clusters.ts';
import { CrashWorld } from './crash.ts';

/** A move whose target runs and does not become ready. */
async function begun(kind: string) {
  const world = await CrashWorld.of(kind);
  const { west, helpers } = world.clusters;
  helpers.target.on = () => undefined;
  const notReady = {
    code: 'F391',
    outcome: 'midway',
    detail: expect.stringContaining('pod shop/cart-0 in west to be ready'),
  };
  await expect(world.begin()).rejects.toMatchObject(notReady);
  expect(world.program.running()).toEqual(['target']);
  return { world, notReady, heal: () => allReady(west) };
}

describe.each(['a pod with a service', 'a pod that nobody calls', 'a pod with a service, held'])(
  '%s whose target does not become ready',
  (kind) => {
    it('has not ended before it is: a resume waits once more, and says why it stops', async () => {
      const { world, notReady, heal } = await begun(kind);
      await expect(world.takeUp('resume')).rejects.toMatchObject(notReady);
      await expect(world.takeUp('finalize')).rejects.toMatchObject(notReady);
      expect(world.isCommitted).toBe(true);
      heal();
      expect(await world.takeUp('resume')).toBe(kind.endsWith('held') ? 'held' : 'moved');
      expect(world.program.running()).toEqual(['target']);
      expect(world.program.count('target')).toBe(world.program.acknowledged);
    });
  },
);

it('a target that is no longer ready when its hold ends keeps nobody from ending it', async () => {
  const world = await CrashWorld.of('a pod with a service, held');
  await world.begin();
  for (const { metadata } of world.clusters.west.all(RESOURCES.pod, 'shop'))
    world.clusters.west.change<Pod>(RESOURCES.pod, 'shop', metadata.name, ({ status }) => {
      for (const condition of status?.conditions ?? []) condition.status = 'False';
    });
  expect(await world.takeUp('finalize')).toBe('moved');
});

it('a target whose container was started anew, its helper being gone since, has ended its move once it is ready', async () => {
  const { world, heal } = await begun('a pod that nobody calls');
  const { east, west } = world.clusters;
  for (const [side, cluster] of Object.entries({ source: east, target: west }))
    cluster.remove(RESOURCES.pod, 'kubectl-migrate', `helper-m-test-${side}`);
  west.change<Pod>(RESOURCES.pod, 'shop', 'cart-0', ({ status }) => {
    for (const container of status?.containerStatuses ?? []) container.containerID = `containerd://${'e'.repeat(64)}`;
  });
  heal();
  expect(await world.takeUp('resume')).toBe('moved');
});

import { describe, expect, it } from 'vitest';
import type { ApiRequest } from '../../src/kube/api-client.ts';
import type { Pod } from '../../src/kube/objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { CrashWorld } from './crash.ts';

const KIND = 'a pod that nobody calls';

/** What somebody else does to the source. */
const CHANGES = {
  removed: ({ clusters: { east } }: CrashWorld) => east.remove(RESOURCES.pod, 'shop', 'cart-0'),
  restarted: ({ clusters: { east } }: CrashWorld) =>
    east.change<Pod>(RESOURCES.pod, 'shop', 'cart-0', ({ status }) => {
      const containerID = `containerd://${'d'.repeat(64)}`;
      const again = status?.containerStatuses?.map((each) => ({ ...each, containerID, restartCount: 1 }));
      if (status && again) Object.assign(status, { containerStatuses: again });
    }),
};

/** A move whose source is changed by somebody as soon as the target is restored. */
async function moved(change: keyof typeof CHANGES) {
  const world = await CrashWorld.of(KIND);
  const { target } = world.clusters.helpers;
  const { on } = target;
  target.on = (op) => {
    on(op);
    if (op === 'restore') CHANGES[change](world);
  };
  const thrown = await world.begin().catch((error: unknown) => error);
  return { world, thrown };
}

/** A move that dies once it has restored the target; from then on that one’s helper answers nobody. */
async function deaf(): Promise<CrashWorld> {
  const { acts } = await (await CrashWorld.of(KIND)).begin();
  const world = await CrashWorld.of(KIND);
  await world.begin({ act: acts.indexOf('end restore') + 1, when: 'after' });
  const when = ({ path }: ApiRequest) => path.endsWith('/exec');
  world.clusters.west.faults.add({ when, fault: { kind: 'status', code: 500 }, times: 1_000_000 });
  return world;
}

const targetPod = ({ clusters: { west } }: CrashWorld) => west.peek<Pod>(RESOURCES.pod, 'shop', 'cart-0');

describe.each(Object.keys(CHANGES) as (keyof typeof CHANGES)[])('a source that is %s after the restore', (change) => {
  it('leaves the target’s copy where it is: it is the only one', async () => {
    const { world, thrown } = await moved(change);
    expect(thrown).toMatchObject({
      code: 'F344',
      outcome: 'midway',
      remedy: expect.stringContaining('kubectl migrate rollback m-test --discard-target'),
    });
    expect(targetPod(world)).toBeDefined();
    expect(world.program.count('target')).toBe(world.program.acknowledged);
  });

  it('is led back with that word only', async () => {
    const { world } = await moved(change);
    for (const command of ['resume', 'rollback'] as const)
      await expect(world.takeUp(command)).rejects.toMatchObject({ code: 'F344', outcome: 'midway' });
    expect(targetPod(world)).toBeDefined();
    expect(await world.takeUp('rollback', undefined, true)).toBe('led-back');
    expect(targetPod(world)).toBeUndefined();
  });

  it('leaves a target as it is that cannot be asked and may hold the only copy', async () => {
    const world = await deaf();
    CHANGES[change](world);
    for (const command of ['resume', 'rollback'] as const)
      await expect(world.takeUp(command)).rejects.toMatchObject({
        code: 'F344',
        outcome: 'midway',
        detail: expect.stringContaining('the target cannot be asked and may hold its processes'),
      });
    expect(targetPod(world)).toBeDefined();
    expect(await world.takeUp('rollback', undefined, true)).toBe('led-back');
    expect(targetPod(world)).toBeUndefined();
  });
});

describe('a source that cannot be looked at after the restore', () => {
  it('keeps a resume from removing what may be the only copy, until it can', async () => {
    const world = await deaf();
    const when = ({ method, path }: ApiRequest) => method === 'GET' && path.endsWith('/shop/pods/cart-0');
    world.clusters.east.faults.add({ when, fault: { kind: 'status', code: 403 }, times: 1_000_000 });
    await expect(world.takeUp('resume')).rejects.toMatchObject({
      code: 'F313',
      outcome: 'midway',
      remedy: expect.stringContaining('; then: kubectl migrate '),
    });
    expect(targetPod(world)).toBeDefined();
    world.clusters.east.faults.clear();
    expect(await world.takeUp('resume')).toBe('led-back');
    expect(world.program.running()).toEqual(['source']);
  });
});

it('a source that is gone with its helper, as with its node, keeps no way back from its end', async () => {
  const { acts } = await (await CrashWorld.of(KIND)).begin();
  const world = await CrashWorld.of(KIND);
  await world.begin({ act: acts.indexOf('end restore') + 1, when: 'after' });
  const { east } = world.clusters;
  east.remove(RESOURCES.pod, 'shop', 'cart-0');
  east.remove(RESOURCES.pod, 'kubectl-migrate', 'helper-m-test-source');
  await expect(world.takeUp('resume')).rejects.toMatchObject({ code: 'F344' });
  expect(targetPod(world)).toBeDefined();
  expect(await world.takeUp('rollback', undefined, true)).toBe('led-back');
  expect(targetPod(world)).toBeUndefined();
  expect(world.leftWithRecords()).toEqual([]);
});

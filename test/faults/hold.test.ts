import { describe, expect, it } from 'vitest';
import type { Pod } from '../../src/kube/objects.ts';
import { controllerOf } from '../../src/kube/owner-objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { settle } from '../fakes/fake-clock.ts';
import { CrashWorld, KINDS } from './crash.ts';

const HOLD = { hold: 3_600_000 };

/** A move whose source is held, in a world that tells how it was before. */
async function held(kind: string) {
  const world = new CrashWorld(kind, HOLD);
  await settle();
  const before = world.snapshot();
  await world.begin();
  return { world, before };
}

/** What an ordinary move makes of the world. */
async function moved(kind: string) {
  const world = new CrashWorld(kind);
  await world.begin();
  return world.snapshot();
}

/** But for the counters of changes, which a change and its way back raise. */
function still(snapshot: ReturnType<CrashWorld['snapshot']>): unknown {
  return JSON.parse(JSON.stringify(snapshot), (key, value) => (/[gG]eneration$/.test(key) ? undefined : value));
}

function source({ clusters }: CrashWorld): Pod | undefined {
  return clusters.east.peek<Pod>(RESOURCES.pod, 'shop', 'cart-0');
}

describe.each(Object.keys(KINDS))('%s whose source is held', (kind) => {
  it('stays where it was, stopped, without helpers, in nobody’s hands, and is out of every Service', async () => {
    const { world } = await held(kind);
    await world.wait(600_000);
    expect(world.program.running()).toEqual(['target']);
    const pod = source(world);
    expect(pod?.metadata.deletionTimestamp).toBeUndefined();
    expect(pod?.metadata.labels ?? {}).toEqual({});
    expect(pod && controllerOf(pod)).toBeUndefined();
    const { east, west } = world.clusters;
    for (const cluster of [east, west]) expect(cluster.all(RESOURCES.pod, 'kubectl-migrate')).toEqual([]);
    // Nobody has made another in its place.
    expect(east.all(RESOURCES.pod, 'shop').filter(({ metadata }) => metadata.name !== 'cart-1')).toHaveLength(1);
    expect(await world.takeUp('resume')).toBe('held');
  });

  it('is lost to the target only with that word, and then goes on as it was at the freeze', async () => {
    const { world, before } = await held(kind);
    await world.wait(1000);
    const lost = world.program.count('target') - world.program.count('source');
    expect(lost).toBeGreaterThan(0);
    await expect(world.takeUp('rollback')).rejects.toMatchObject({
      code: 'F373',
      detail: expect.stringContaining('is lost'),
      remedy: expect.stringContaining('--accept-loss'),
    });
    expect(world.program.running()).toEqual(['target']);
    const atFreeze = world.program.count('source');
    expect(await world.takeUp('rollback', undefined, true)).toBe('led-back');
    expect(world.program.twice).toEqual([]);
    expect(world.program.running()).toEqual(['source']);
    expect(world.program.count('source')).toBeGreaterThanOrEqual(atFreeze);
    await settle();
    expect(still(world.snapshot())).toEqual(still(before));
  });

  it('goes when somebody ends the hold, and the move has ended like any other', async () => {
    const { world } = await held(kind);
    expect(await world.takeUp('finalize')).toBe('moved');
    expect(world.program.running()).toEqual(['target']);
    expect(still(world.snapshot())).toEqual(still(await moved(kind)));
  });
});

/** One rollback after the other, killed a little later each time; on a busy machine that takes a while. */
const ALL_OF_THEM_MS = 180_000;

describe('the way back from a hold that is interrupted', () => {
  it(
    'ends at the source wherever it was killed, and never with two copies',
    async () => {
      const kind = 'a pod of a StatefulSet';
      const undisturbed = await held(kind);
      await undisturbed.world.takeUp('rollback', undefined, true);
      const { before } = undisturbed;
      for (let act = 1; ; act++) {
        const { world } = await held(kind);
        const ending = await world.takeUp('rollback', { act, when: 'after' }, true);
        if (ending !== 'killed') return;
        const decided = world.clusters.east.peek(RESOURCES.configMap, 'kubectl-migrate', 'm-test') !== undefined;
        const next = decided ? await world.takeUp('rollback', undefined, true) : 'led-back';
        await world.wait(1000);
        expect([act, next]).toEqual([act, 'led-back']);
        expect(world.program.twice).toEqual([]);
        expect(world.program.running()).toEqual(['source']);
        if (decided) expect(still(world.snapshot())).toEqual(still(before));
      }
    },
    ALL_OF_THEM_MS,
  );
});

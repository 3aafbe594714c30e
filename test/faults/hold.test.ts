import { randomUUID } from 'node:crypto';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { newConfigMap } from '../../src/journal/config-map-sink.ts';
import { planDigest } from '../../src/journal/record.ts';
import type { ApiRequest } from '../../src/kube/api-client.ts';
import type { ConfigMap, Pod } from '../../src/kube/objects.ts';
import { controllerOf } from '../../src/kube/owner-objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { settle } from '../fakes/fake-clock.ts';
import { CrashWorld } from './crash.ts';
import { HOLDABLE } from './moves.ts';

/** A move whose source is held, in a world that tells how it was before. */
async function held(kind: string) {
  const world = await CrashWorld.of(`${kind}, held`);
  const before = world.snapshot();
  await world.begin();
  return { world, before };
}

/** What an ordinary move makes of the world. */
async function moved(kind: string) {
  const world = await CrashWorld.of(kind);
  await world.begin();
  return world.snapshot();
}

function targetOf({ clusters: { east, west } }: CrashWorld) {
  return east === west ? { cluster: east, name: 'cart-x' } : { cluster: west, name: 'cart-0' };
}

function source({ clusters }: CrashWorld): Pod | undefined {
  return clusters.east.peek<Pod>(RESOURCES.pod, 'shop', 'cart-0');
}

describe.each(Object.keys(HOLDABLE))('%s whose source is held', (kind) => {
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
    const others = ['cart-1', ...(east === west ? ['cart-x'] : [])];
    expect(east.all(RESOURCES.pod, 'shop').filter(({ metadata }) => !others.includes(metadata.name))).toHaveLength(1);
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
    expect(world.disclosed).toBe(false);
    expect(world.program.running()).toEqual(['source']);
    expect(world.program.count('source')).toBeGreaterThanOrEqual(atFreeze);
    await settle();
    expect(world.snapshot()).toEqual(before);
  });

  it('goes when somebody ends the hold, and the move has ended like any other', async () => {
    const { world } = await held(kind);
    expect(await world.takeUp('finalize')).toBe('moved');
    expect(world.program.running()).toEqual(['target']);
    expect(world.snapshot()).toEqual(await moved(kind));
  });
});

/** What another migration leaves that has taken the target pod and moved it on; its lock has gone with its end. */
const MOVED_ON = {
  'within its cluster, under its name': ({ clusters: { west } }: CrashWorld) => {
    west.change<Pod>(RESOURCES.pod, 'shop', 'cart-0', ({ metadata }) => {
      Object.assign(metadata, { annotations: { ...metadata.annotations, 'kubectl-migrate.io/migration': 'm-other' } });
    });
  },
  'out of its cluster': ({ clusters: { west } }: CrashWorld) => {
    const moved = west.peek<Pod>(RESOURCES.pod, 'shop', 'cart-0');
    const record = west.peek<ConfigMap>(RESOURCES.configMap, 'kubectl-migrate', 'm-test');
    const own = JSON.parse(record?.data?.['record'] ?? '');
    const plan = { ...own.plan, id: 'm-other', source: { ...own.plan.source, uid: moved?.metadata.uid } };
    const header = { ...own, id: 'm-other', lineage: randomUUID(), plan, planDigest: planDigest(plan) };
    const end = { serial: 1, state: 'done', entries: [] };
    const data = { ...newConfigMap(header).data, 'entry-0001': JSON.stringify(end) };
    west.seed(RESOURCES.configMap, { ...newConfigMap(header), data });
    west.remove(RESOURCES.pod, 'shop', 'cart-0');
  },
  'without a trace but for the lock': ({ clusters: { west } }: CrashWorld) => {
    west.remove(RESOURCES.pod, 'shop', 'cart-0');
  },
};

function moveOn(where: keyof typeof MOVED_ON, world: CrashWorld): void {
  MOVED_ON[where](world);
  world.clusters.west.remove(RESOURCES.lease, 'kubectl-migrate', 'pod.shop.cart-0');
}

describe('a held source whose target somebody else has', () => {
  const kind = 'a pod that nobody calls';
  const WAYS = Object.keys(MOVED_ON) as (keyof typeof MOVED_ON)[];

  it.each(WAYS)('moved on %s does not go on beside it', async (where) => {
    const { world } = await held(kind);
    moveOn(where, world);
    await expect(world.takeUp('rollback', undefined, true)).rejects.toMatchObject({
      code: 'F373',
      outcome: 'declined',
      detail: expect.stringContaining('there would be two of it'),
      remedy: expect.stringContaining('finalize m-test'),
    });
    // Nor later: who took it up has made the lock anew.
    await expect(world.takeUp('rollback', undefined, true)).rejects.toMatchObject({ code: 'F373' });
    await world.wait(1000);
    expect(world.program.running()).not.toContain('source');
    expect(await world.takeUp('finalize')).toBe('moved');
    expect(source(world)).toBeUndefined();
  });

  it.each(WAYS)('moved on %s does not go on beside it, the way back having begun before that', async (where) => {
    const { world } = await held(kind);
    await world.takeUp('rollback', undefined, true);
    const act = world.acts.indexOf('begin taking back switch') + 1;
    expect(act).toBeGreaterThan(0);
    const { world: other } = await held(kind);
    expect(await other.takeUp('rollback', { act, when: 'after' }, true)).toBe('killed');
    moveOn(where, other);
    for (const command of ['resume', 'rollback'] as const)
      await expect(other.takeUp(command, undefined, true)).rejects.toMatchObject({
        code: 'F373',
        outcome: 'declined',
        remedy: expect.stringContaining('cleanup m-test --abandon'),
      });
    await other.wait(1000);
    expect(other.program.running()).not.toContain('source');
  });
});

/** A hold in which the target pod and its lock are gone, without another trace of whoever had them. */
async function heldWithoutLock() {
  const { world } = await held('a pod that nobody calls');
  moveOn('without a trace but for the lock', world);
  return world;
}

const isLease = ({ path }: ApiRequest) => path.includes('/leases');

describe('the lock of a held source whose target pod is gone', () => {
  const kind = 'a pod that nobody calls';
  const isGone = ({ clusters: { west } }: CrashWorld) => west.remove(RESOURCES.pod, 'shop', 'cart-0');
  const back = (world: CrashWorld) => world.takeUp('rollback', undefined, true);

  it('was not kept where whoever made it anew was killed before the record told of that', async () => {
    const other = await heldWithoutLock();
    await expect(back(other)).rejects.toMatchObject({ code: 'F373' });
    const act = other.acts.indexOf('POST leases in west') + 1;
    expect(act).toBeGreaterThan(0);
    const world = await heldWithoutLock();
    expect(await world.takeUp('rollback', { act, when: 'after' }, true)).toBe('killed');
    await expect(back(world)).rejects.toMatchObject({
      code: 'F373',
      detail: expect.stringContaining('there would be two of it'),
    });
    await world.wait(1000);
    expect(world.program.running()).toEqual([]);
  });

  it.each(['resume', 'rollback'] as const)(
    'was kept although its cluster could not be asked by an earlier %s',
    async (command) => {
      const { world } = await held(kind);
      const { west } = world.clusters;
      west.faults.add({ when: () => true, fault: { kind: 'refused' }, times: 1_000_000 });
      const thrown = await world.takeUp(command, undefined, true).catch((error: unknown) => error);
      // Exit code 1 would say that the source serves.
      if (command === 'rollback') expect(thrown).toMatchObject({ code: 'F310', outcome: 'midway' });
      west.faults.clear();
      isGone(world);
      expect(await back(world)).toBe('led-back');
      await world.wait(1000);
      expect(world.program.running()).toEqual(['source']);
    },
  );

  it('keeps the source stopped until its cluster tells whose it is', async () => {
    const { world } = await held(kind);
    const { west } = world.clusters;
    isGone(world);
    west.faults.add({ when: isLease, fault: { kind: 'refused' }, times: 1_000_000 });
    await expect(back(world)).rejects.toMatchObject({
      code: 'F373',
      detail: expect.stringContaining('west did not tell'),
      remedy: expect.stringContaining('again: kubectl migrate rollback m-test'),
    });
    expect(world.program.running()).toEqual([]);
    west.faults.clear();
    expect(await back(world)).toBe('led-back');
  });

  it('may have been gone before the hold began', async () => {
    const { acts } = await (await CrashWorld.of(`${kind}, held`)).begin();
    const world = await CrashWorld.of(`${kind}, held`);
    await world.begin({ act: acts.indexOf('begin switch') + 1, when: 'after' });
    world.clusters.west.remove(RESOURCES.lease, 'kubectl-migrate', 'pod.shop.cart-0');
    expect(await world.takeUp('resume')).toBe('held');
    isGone(world);
    expect(await back(world)).toBe('led-back');
  });
});

it('a held source that has ended once its way back was begun leaves the target, and both ways out are told', async () => {
  const { world: other } = await held('a pod that nobody calls');
  await other.takeUp('rollback', undefined, true);
  const act = other.acts.indexOf('begin taking back switch') + 1;
  const { world } = await held('a pod that nobody calls');
  expect(await world.takeUp('rollback', { act, when: 'after' }, true)).toBe('killed');
  world.clusters.east.remove(RESOURCES.pod, 'shop', 'cart-0');
  await expect(world.takeUp('resume')).rejects.toMatchObject({
    code: 'F344',
    outcome: 'midway',
    detail: expect.stringContaining('the target may serve still'),
    remedy: expect.stringMatching(/cleanup m-test --abandon; .*rollback m-test --discard-target/),
  });
  expect(world.program.running()).toEqual(['target']);
});

it.each(Object.keys(HOLDABLE))(
  'the held source of %s that ended once its target was removed keeps nobody from the end',
  async (kind) => {
    const { world: other } = await held(kind);
    await other.takeUp('rollback', undefined, true);
    const reverted = other.acts.indexOf('begin taking back freeze') + 1;
    expect(reverted).toBeGreaterThan(0);
    // Where the owner's count does not take it away.
    const deleted = other.acts.findIndex((act) => act.startsWith('DELETE pods/cart-')) + 1;
    for (const act of [deleted, reverted].filter((each) => each > 0)) {
      const { world } = await held(kind);
      expect(await world.takeUp('rollback', { act, when: 'after' }, true)).toBe('killed');
      world.clusters.east.remove(RESOURCES.pod, 'shop', source(world)?.metadata.name ?? '');
      await settle();
      expect(await world.takeUp(act === reverted ? 'resume' : 'rollback', undefined, true)).toBe('led-back');
      expect(world.leftWithRecords()).toEqual([]);
    }
  },
);

it('a held source stays stopped whose target is another migration’s by the time that it is to be removed', async () => {
  const halfway = async () => {
    const { world: other } = await held('a pod that nobody calls');
    await other.takeUp('rollback', undefined, true);
    const act = other.acts.indexOf('begin taking back switch') + 1;
    const { world } = await held('a pod that nobody calls');
    await world.takeUp('rollback', { act, when: 'after' }, true);
    return world;
  };
  const undisturbed = await halfway();
  expect(await undisturbed.takeUp('resume')).toBe('led-back');
  const world = await halfway();
  const act = undisturbed.acts.indexOf('begin taking back switch') + 1;
  const thrown = await world.sleep(act, async () => MOVED_ON['within its cluster, under its name'](world), 'resume');
  expect(thrown).toMatchObject({ code: 'F390', detail: expect.stringContaining('migration m-other made') });
  await world.wait(1000);
  expect(world.program.running()).toEqual(['target']);
});

describe.each(Object.keys(HOLDABLE))('%s whose target pod somebody deletes while its source is held', (kind) => {
  const deleted = async () => {
    const { world } = await held(kind);
    const { name, cluster } = targetOf(world);
    cluster.remove(RESOURCES.pod, 'shop', name);
    await settle();
    return world;
  };

  it('goes back all the same', async () => {
    const world = await deleted();
    expect(await world.takeUp('rollback', undefined, true)).toBe('led-back');
    await world.wait(1000);
    expect(world.program.running()).toEqual(['source']);
  });

  it('can be ended all the same', async () => {
    const world = await deleted();
    expect(await world.takeUp('finalize')).toBe('moved');
    expect(source(world)).toBeUndefined();
  });
});

/** One command after the other, killed a little later each time; on a busy machine that takes a while. */
const ALL_OF_THEM_MS = 300_000;

/** `FAULTS=full`: of every kind, killed before an act as well. */
const FULL = process.env['FAULTS'] === 'full';
const MOMENTS = FULL ? (['before', 'after'] as const) : (['after'] as const);
const KINDS = FULL ? Object.keys(HOLDABLE) : ['a pod of a StatefulSet'];
const ENDS = { rollback: ['source', 'led-back'], finalize: ['target', 'moved'] } as const;
const KILLED = KINDS.flatMap((kind) =>
  (['rollback', 'finalize'] as const).flatMap((command) => MOMENTS.map((when) => ({ kind, command, when }))),
);

describe('the end of a hold that is interrupted', () => {
  it.each(KILLED)(
    '$command of $kind, killed $when any of its acts, ends where it was to end, and never with two copies',
    async ({ kind, command, when }) => {
      const { world: other, before } = await held(kind);
      await other.takeUp(command, undefined, true);
      await settle();
      const goal = command === 'rollback' ? before : other.snapshot();
      const [place, ending] = ENDS[command];
      for (let act = 1; ; act++) {
        const { world } = await held(kind);
        if ((await world.takeUp(command, { act, when }, true)) !== 'killed') return;
        const decided = world.clusters.east.peek(RESOURCES.configMap, 'kubectl-migrate', 'm-test') !== undefined;
        const next = decided ? await world.takeUp(command, undefined, true) : 'led-back';
        await world.wait(1000);
        expect([act, next]).toEqual([act, ending]);
        expect(world.program.twice).toEqual([]);
        expect(world.disclosed).toBe(false);
        expect(world.program.running()).toEqual([place]);
        if (decided) expect(world.snapshot()).toEqual(goal);
      }
    },
    ALL_OF_THEM_MS,
  );

  it.each(['a pod of a Deployment', 'a pod of a Deployment that the target has too'])(
    'counts the pods of its owners once: the way back of %s, killed when their marks are gone',
    async (kind) => {
      const { world: other } = await held(kind);
      await other.takeUp('rollback', undefined, true);
      const { world, before } = await held(kind);
      const act = other.acts.indexOf('end taking back owner') + 1;
      expect(await world.takeUp('rollback', { act, when: 'after' }, true)).toBe('killed');
      expect(await world.takeUp('rollback', undefined, true)).toBe('led-back');
      await world.wait(1000);
      expect(world.program.running()).toEqual(['source']);
      expect(world.snapshot()).toEqual(before);
    },
  );
});

import { describe, expect, it } from 'vitest';
import { isMigrateError } from '../../src/domain/errors.ts';
import type { Side } from '../../src/domain/refs.ts';
import type { ApiRequest } from '../../src/kube/api-client.ts';
import type { ContainerStatus, Pod } from '../../src/kube/objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { allReady } from '../fixtures/two-clusters.ts';
import { CrashWorld } from './crash.ts';
import type { Death } from './life.ts';

/** Moves, and which of their helpers may go; of an image that is to be restored once more one helper has to stay. */
const KINDS: readonly { readonly kind: string; readonly gone: readonly (readonly Side[])[] }[] = [
  { kind: 'a pod that nobody calls', gone: [['source'], ['target'], ['source', 'target']] },
  { kind: 'a pod of a StatefulSet, to another node', gone: [['source'], ['target']] },
];

/** What an undisturbed move does, and how it leaves the clusters. */
async function undisturbed(kind: string) {
  const world = await CrashWorld.of(kind);
  const before = world.snapshot();
  const { acts } = await world.begin();
  return { acts, before, after: world.snapshot() };
}

/** Another helper takes a number of its own: addresses and ids of what comes after it are others. */
function alike(snapshot: unknown): unknown {
  const text = JSON.stringify(snapshot).replaceAll(/\b10\.1\.0\.\d+\b/g, 'address');
  return JSON.parse(text.replaceAll(/containerd:\/\/\w+/g, 'container'));
}

/** The plugin is killed at one point, and helpers are removed with everything that they knew. */
async function killedWithHelpers(kind: string, death: Death, sides: readonly Side[]) {
  const world = await CrashWorld.of(kind);
  expect((await world.begin(death)).dead).toBe(true);
  const { east, west } = world.clusters;
  for (const side of sides)
    (side === 'source' ? east : west).remove(RESOURCES.pod, 'kubectl-migrate', `helper-m-test-${side}`);
  await world.wait(1000);
  return world;
}

for (const { kind, gone } of KINDS)
  describe(`${kind}, whose helpers are removed by force after the plugin died`, async () => {
    const { acts, before, after } = await undisturbed(kind);
    const points = acts
      .map((name, index) => ({ name, act: index + 1 }))
      .slice(acts.indexOf('begin freeze'), acts.indexOf('end switch'))
      .flatMap((point) => gone.map((sides) => ({ ...point, sides, whose: sides.join(' and ') })));

    it('stays stopped once it was sealed', async () => {
      const sealed = { act: acts.indexOf('seal at source') + 1, when: 'after' } as const;
      const world = await killedWithHelpers(kind, sealed, ['source']);
      await world.wait(3_600_000);
      expect(world.program.running()).toEqual([]);
    });

    it.each(points)('is brought to its end by others, after $name, without $whose', async ({ act, sides }) => {
      const world = await killedWithHelpers(kind, { act, when: 'after' }, sides);
      const ending = await world.takeUp('resume').catch((error: unknown) => isMigrateError(error) && error.code);
      await world.wait(1000);
      const { program } = world;
      const [place, ...more] = program.running();
      expect(more).toEqual([]);
      expect(program.twice).toEqual([]);
      expect(place && program.count(place)).toBe(program.acknowledged);
      if (ending === 'F348') return;
      expect(ending).toBe(place === 'target' ? 'moved' : 'led-back');
      expect(alike(world.snapshot())).toEqual(alike(place === 'target' ? after : before));
    });
  });

it('a source whose image is gone from both nodes is not deleted, for it is all that is left', async () => {
  const kind = 'a pod of a StatefulSet, to another node';
  const { acts } = await undisturbed(kind);
  const world = await killedWithHelpers(kind, { act: acts.indexOf('begin place') + 1, when: 'after' }, [
    'source',
    'target',
  ]);
  const uid = world.clusters.east.peek(RESOURCES.pod, 'shop', 'cart-0')?.metadata.uid;
  await expect(world.takeUp('resume')).rejects.toMatchObject({
    code: 'F391',
    outcome: 'midway',
    detail: expect.stringContaining('the image went with the helper pods of both nodes'),
  });
  expect(world.clusters.east.peek(RESOURCES.pod, 'shop', 'cart-0')?.metadata.uid).toBe(uid);
  expect(world.program.running()).toEqual([]);
  expect(world.program.count('source')).toBe(world.program.acknowledged);
});

/** So often is exec refused that whoever tries again gives up. */
const AGAIN_AND_AGAIN = 1_000;

describe.each([403, 500])('helpers that run and cannot be attached to, exec being answered with %i', (status) => {
  it('stay, for the only image is in them, and the move goes on as soon as they can be', async () => {
    const kind = 'a pod of a StatefulSet, to another node';
    const { acts, after } = await undisturbed(kind);
    const freed = { act: acts.indexOf('begin place') + 1, when: 'after' } as const;
    const world = await killedWithHelpers(kind, freed, []);
    const { east } = world.clusters;
    const helpers = () =>
      east.all(RESOURCES.pod, 'kubectl-migrate').map(({ metadata }) => [metadata.name, metadata.uid]);
    const before = helpers();
    expect(before).toHaveLength(2);
    east.faults.add({
      when: ({ path }) => path.endsWith('/exec'),
      fault: { kind: 'status', code: status },
      times: AGAIN_AND_AGAIN,
    });
    await expect(world.takeUp('resume')).rejects.toMatchObject({ code: 'F391', outcome: 'midway' });
    expect(helpers()).toEqual(before);
    east.faults.clear();
    await world.wait(30_000);
    expect(await world.takeUp('resume')).toBe('moved');
    expect(alike(world.snapshot())).toEqual(alike(after));
    expect(world.program.count('target')).toBe(world.program.acknowledged);
  });

  it('are attached to at the next try where they have only just been started, and the source goes on', async () => {
    const kind = 'a pod that nobody calls';
    const { acts, before } = await undisturbed(kind);
    const sealed = { act: acts.indexOf('seal at source') + 1, when: 'after' } as const;
    const world = await killedWithHelpers(kind, sealed, ['source']);
    const once = { kind: 'status', code: status } as const;
    world.clusters.east.faults.add({ when: ({ path }) => path.endsWith('/exec'), fault: once });
    expect(await world.takeUp('resume')).toBe('led-back');
    expect(world.program.running()).toEqual(['source']);
    expect(alike(world.snapshot())).toEqual(alike(before));
  });
});

it('a target that was told to go on and did not, its helper being gone since, is told once more', async () => {
  const world = await CrashWorld.of('a pod of a Deployment, to another node');
  const { east, helpers } = world.clusters;
  helpers.target.fail.set('continue', { code: 'internal', summary: 'the network cannot be unlocked', detail: '' });
  await expect(world.begin()).rejects.toMatchObject({ code: 'F391', outcome: 'midway' });
  // The marker is there, which is all that the probe of the placeholder looks at.
  allReady(east);
  helpers.target.fail.clear();
  for (const side of ['source', 'target']) east.remove(RESOURCES.pod, 'kubectl-migrate', `helper-m-test-${side}`);
  expect(await world.takeUp('resume')).toBe('moved');
  await world.wait(1000);
  expect(world.program.running()).toEqual(['target']);
  expect(world.program.count('target')).toBe(world.program.acknowledged);
});

it('helpers whose programs ended stay, and are attached to once kubelet has started them anew', async () => {
  const { acts, after } = await undisturbed('a pod of a StatefulSet, to another node');
  const freed = { act: acts.indexOf('begin place') + 1, when: 'after' } as const;
  const world = await killedWithHelpers('a pod of a StatefulSet, to another node', freed, []);
  const { east } = world.clusters;
  const become = (state: ContainerStatus['state']) => {
    for (const { metadata } of east.all(RESOURCES.pod, 'kubectl-migrate'))
      east.change<Pod>(RESOURCES.pod, 'kubectl-migrate', metadata.name, ({ status }) => {
        for (const each of status?.containerStatuses ?? []) Object.assign(each, { state });
      });
  };
  become({ waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s restarting failed container' } });
  // Once somebody waits for them.
  east.faults.add({
    when: ({ query }) => {
      if (query?.['watch'] !== undefined && String(query['fieldSelector']).includes('helper-')) become({ running: {} });
      return false;
    },
    fault: { kind: 'status', code: 500 },
  });
  expect(await world.takeUp('resume')).toBe('moved');
  expect(alike(world.snapshot())).toEqual(alike(after));
  expect(world.program.count('target')).toBe(world.program.acknowledged);
});

it('a helper whose program ended while it kept the source is waited for, and the source goes on', async () => {
  const world = await CrashWorld.of('a pod that nobody calls');
  const before = world.snapshot();
  const { east, west, helpers } = world.clusters;
  const become = (state: ContainerStatus['state']) =>
    east.change<Pod>(RESOURCES.pod, 'kubectl-migrate', 'helper-m-test-source', ({ status }) => {
      for (const each of status?.containerStatuses ?? []) Object.assign(each, { state });
    });
  const { source, target } = helpers;
  const [onSource, onTarget] = [source.on, target.on];
  target.on = (op) => {
    onTarget(op);
    // It cannot be committed.
    if (op === 'restore') west.remove(RESOURCES.pod, 'shop', 'cart-0');
  };
  source.on = (op) => {
    onSource(op);
    if (op !== 'seal') return;
    become({ waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s restarting failed container' } });
    const isExec = ({ path }: ApiRequest) => path.endsWith('/exec');
    // As kubelet says it of a container that does not run.
    east.faults.add({ when: isExec, fault: { kind: 'status', code: 500 }, times: AGAIN_AND_AGAIN });
    east.faults.add({
      when: ({ query }) => {
        if (query?.['watch'] === undefined || !String(query['fieldSelector']).includes('helper-')) return false;
        east.faults.clear();
        become({ running: {} });
        return false;
      },
      fault: { kind: 'status', code: 500 },
    });
  };
  await expect(world.begin()).rejects.toMatchObject({ outcome: 'failed' });
  expect(world.program.running()).toEqual(['source']);
  expect(alike(world.snapshot())).toEqual(alike(before));
});

describe.each(['resume', 'rollback'] as const)(
  'a helper that takes what it is asked and never says how it stands',
  (command) => {
    it.each(['source', 'target'] as const)(`keeps no ${command} waiting for ever: %s`, async (side) => {
      const { acts } = await undisturbed('a pod that nobody calls');
      const world = await CrashWorld.of('a pod that nobody calls');
      await world.begin({ act: acts.indexOf('end restore') + 1, when: 'after' });
      world.clusters.helpers[side].deafTo.add('status');
      expect(await world.takeUp(command)).toBe('led-back');
      expect(world.program.running()).toEqual(['source']);
    });
  },
);

import { describe, expect, it } from 'vitest';
import { RESOURCES } from '../../src/kube/resources.ts';
import { CrashWorld } from './crash.ts';
import type { Death } from './life.ts';

const KIND = 'a pod that nobody calls';

/** What an undisturbed move does, and how it leaves the clusters. */
async function undisturbed() {
  const world = await CrashWorld.of(KIND);
  const before = world.snapshot();
  const { acts } = await world.begin();
  return { acts, before, after: world.snapshot() };
}

const { acts, before, after } = await undisturbed();
const from = acts.indexOf('begin freeze');
const points = acts.map((name, index) => ({ name, act: index + 1 })).slice(from, acts.indexOf('end switch'));

/** The plugin is killed at one point, and the source’s helper removed with everything that it knew. */
async function killedWithHelper(death: Death) {
  const world = await CrashWorld.of(KIND);
  expect((await world.begin(death)).dead).toBe(true);
  world.clusters.east.remove(RESOURCES.pod, 'kubectl-migrate', 'helper-m-test-source');
  await world.wait(1000);
  return world;
}

describe('a source whose helper is removed by force after the plugin died', () => {
  it('stays stopped once it was sealed', async () => {
    const world = await killedWithHelper({ act: acts.indexOf('seal at source') + 1, when: 'after' });
    await world.wait(3_600_000);
    expect(world.program.running()).toEqual([]);
  });

  it.each(points)('is brought to its end by another helper, after $name', async ({ act }) => {
    const world = await killedWithHelper({ act, when: 'after' });
    const ending = await world.takeUp('resume');
    await world.wait(1000);
    const { program } = world;
    const [place, ...more] = program.running();
    expect(more).toEqual([]);
    expect(program.twice).toEqual([]);
    expect(ending).toBe(place === 'target' ? 'moved' : 'led-back');
    expect(world.snapshot()).toEqual(place === 'target' ? after : before);
    expect(place && program.count(place)).toBe(program.acknowledged);
  });
});

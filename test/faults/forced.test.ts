import { expect, it } from 'vitest';
import { RESOURCES } from '../../src/kube/resources.ts';
import { CrashWorld } from './crash.ts';

const KIND = 'a pod that nobody calls';

/** A move that was killed in its freeze, and given up as far as everybody knows: its helpers are gone, and the source goes on. */
async function givenUp() {
  const { acts } = await (await CrashWorld.of(KIND)).begin();
  const world = await CrashWorld.of(KIND);
  await world.begin({ act: acts.indexOf('end freeze') + 1, when: 'after' });
  const { east, west } = world.clusters;
  east.remove(RESOURCES.pod, 'kubectl-migrate', 'helper-m-test-source');
  west.remove(RESOURCES.pod, 'kubectl-migrate', 'helper-m-test-target');
  west.remove(RESOURCES.pod, 'shop', 'cart-0');
  await world.wait(60_000);
  expect(world.program.running()).toEqual(['source']);
  return world;
}

it('a source that another move has left behind is not let go on by one that was given up, not even by force', async () => {
  const world = await givenUp();
  world.forceUnlock = true;
  world.clusters.helpers.target.on = () => undefined;
  // Held it would be, had its target become ready.
  await expect(world.moveAgain({ forceUnlock: true, hold: 3_600_000 })).rejects.toMatchObject({ code: 'F391' });
  expect(world.program.running()).toEqual(['target']);
  // The helpers of one move know nothing of another's; the fake is one for both.
  world.clusters.east.remove(RESOURCES.pod, 'kubectl-migrate', 'helper-m-other-source');
  for (const command of ['resume', 'rollback'] as const) {
    await expect(world.takeUp(command)).rejects.toMatchObject({
      code: 'F370',
      outcome: 'locked',
      remedy: expect.stringContaining('kubectl migrate resume m-other'),
    });
    await world.wait(1000);
    expect(world.program.running()).toEqual(['target']);
    expect(world.program.twice).toEqual([]);
  }
});

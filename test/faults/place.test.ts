import { expect, it } from 'vitest';
import { isMigrateError } from '../../src/domain/errors.ts';
import type { Side } from '../../src/domain/refs.ts';
import { PROTOCOL_VERSION } from '../../src/helper/protocol.ts';
import type { Pod } from '../../src/kube/objects.ts';
import { bareContainerId } from '../../src/kube/pod-status.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { CrashWorld } from './crash.ts';

/** A write after the commit waits for nobody: the program may go on before the record knows where. */
it.each<[string, Side, string]>([
  ['a pod of a StatefulSet, to another node', 'target', 'moved'],
  ['a pod of a StatefulSet that ends on its own node', 'source', 'F348'],
])(
  '%s, which runs there while the record does not know of its place, keeps what it did since',
  async (kind, side, goal) => {
    const { acts } = await (await CrashWorld.of(kind)).begin();
    const world = await CrashWorld.of(kind);
    const { clusters, program } = world;
    await world.begin({ act: acts.indexOf('end place') + 1, when: 'after' });
    const pod = clusters.east.peek<Pod>(RESOURCES.pod, 'shop', 'cart-0');
    const containerIds = pod?.status?.containerStatuses?.map(({ containerID }) => bareContainerId(containerID ?? ''));
    const line = { v: PROTOCOL_VERSION, id: 'lost', op: 'continue', args: { containerIds } };
    expect(JSON.parse(clusters.helpers[side].reply(JSON.stringify(line)) ?? '')).toMatchObject({ ok: true });
    await world.wait(1000);
    const then = program.acknowledged;
    const ending = await world.takeUp('resume').catch((error: unknown) => isMigrateError(error) && error.code);
    expect(ending).toBe(goal);
    expect(clusters.east.peek<Pod>(RESOURCES.pod, 'shop', 'cart-0')?.metadata.uid).toBe(pod?.metadata.uid);
    expect(program.acknowledged).toBeGreaterThan(then);
    expect(program.count('target')).toBe(program.acknowledged);
  },
);

it('a pod that runs on its own node again ends there, killed after any act of the last step', async () => {
  const kind = 'a pod of a StatefulSet that ends on its own node';
  const undisturbed = await CrashWorld.of(kind);
  const { acts } = await undisturbed.begin();
  for (let act = acts.indexOf('begin finalize') + 1; act <= acts.indexOf('end finalize') + 1; act++) {
    const world = await CrashWorld.of(kind);
    await world.begin({ act, when: 'after' });
    const ending = await world.takeUp('resume').catch((error: unknown) => isMigrateError(error) && error.code);
    expect([acts[act - 1], ending]).toEqual([acts[act - 1], 'F348']);
    expect(world.program.running()).toEqual(['target']);
    expect(world.snapshot()).toEqual(undisturbed.snapshot());
  }
});

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Resource } from '../../src/kube/ports.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { codeOf, labelsOf, ownerOf } from './workload-contract.ts';
import { carryOut, Hands, handover, type WorkloadWorld } from './workload-stage.ts';

/** What the steps rely on of a workload whose pod stays in its namespace, and the workload of the controllers. */
export function onePlaceContract(name: string, start: () => Promise<WorkloadWorld>): void {
  describe(`workloads in one place: ${name}`, { concurrent: true }, () => {
    let world: WorkloadWorld;
    let hands: Hands;
    beforeAll(async () => {
      world = await start();
      hands = new Hands(world);
    });
    afterAll(() => world.close());

    const seed = async (resource: Resource, owner: string, replicas: number): Promise<string[]> => {
      await hands.make('east', resource, ownerOf(world, resource, owner, replicas));
      return (await hands.settled('east', owner, replicas)).map(({ metadata }) => metadata.name).toSorted();
    };
    const clear = async (resource: Resource, of: string) => {
      await hands.remove('east', resource, of);
      await hands.settled('east', of, 0);
    };

    describe('a pod of a Deployment', () => {
      const resource = RESOURCES.deployment;

      it('is replaced one for one, and no pod is made or deleted beside it', async () => {
        const [stays, leaves] = (await seed(resource, 'one', 2)) as [string, string];
        const before = { pods: await hands.pods('east', 'one'), contents: await hands.contents('east', 'one') };
        const made = await hands.newcomers('east', 'one');
        const pod = await carryOut(await handover(world, leaves, 'east', 'east'));
        expect(await made.stop()).toEqual([pod.metadata.name]);
        const after = await hands.settled('east', 'one', 2);
        expect(after.map(({ metadata }) => metadata.name).toSorted()).toEqual([stays, pod.metadata.name].toSorted());
        expect(pod.metadata.labels ?? {}).toEqual({});
        expect(labelsOf(after, pod.metadata.name)).toEqual(labelsOf(before.pods, leaves));
        const others = (all: typeof before.contents) => all.filter(({ kind }) => kind !== 'Pod');
        expect(others(await hands.contents('east', 'one'))).toEqual(others(before.contents));
        await clear(resource, 'one');
      });

      it('comes back to an owner that is as it was before', async () => {
        const [, leaves] = (await seed(resource, 'back', 2)) as [string, string];
        const before = await hands.contents('east', 'back');
        const { workload, context } = await handover(world, leaves, 'east', 'east');
        const undo = await workload.capture(context);
        await workload.prepare(context);
        await workload.back(context, undo);
        await workload.back(context, undo);
        expect(await hands.contents('east', 'back')).toEqual(before);
        await clear(resource, 'back');
      });

      it('does not move when its owner changes before the commit', async () => {
        const [, leaves] = (await seed(resource, 'early', 2)) as [string, string];
        const { workload, context } = await handover(world, leaves, 'east', 'east');
        const undo = await workload.capture(context);
        await workload.prepare(context);
        await hands.change('east', resource, 'early', { spec: { replicas: 3 } });
        expect(await codeOf(workload.check(context, null))).toBe('F344');
        await workload.back(context, undo);
        await hands.settled('east', 'early', 3);
        await clear(resource, 'early');
      });

      it.each([3, 1])('finishes when its owner is scaled to %i after the commit', async (replicas) => {
        const of = `late-${replicas}`;
        const [, leaves] = (await seed(resource, of, 2)) as [string, string];
        const move = await handover(world, leaves, 'east', 'east');
        const { workload, context } = move;
        await workload.prepare(context);
        const pod = await move.makeTargetPod();
        await workload.check(context, null);
        await hands.change('east', resource, of, { spec: { replicas } });
        await workload.giveUp(context);
        await workload.takeIn(context);
        await workload.takeIn(context);
        await workload.finalize(context);
        await vi.waitFor(
          async () => {
            const names = (await hands.settled('east', of, replicas)).map(({ metadata }) => metadata.name);
            expect(names).toContain(pod.metadata.name);
            expect(names).not.toContain(leaves);
          },
          { timeout: 60_000, interval: 100 },
        );
        await clear(resource, of);
      });
    });
  });
}

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { failureCode } from '../../src/domain/errors.ts';
import type { KubeObject, Pod } from '../../src/kube/objects.ts';
import { controllerOf, type OwnerObject } from '../../src/kube/owner-objects.ts';
import type { Resource } from '../../src/kube/ports.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { carryOut, Hands, handover, type WorkloadWorld } from './workload-stage.ts';

const KINDS: readonly (readonly [string, Resource])[] = [
  ['Deployment', RESOURCES.deployment],
  ['StatefulSet', RESOURCES.statefulSet],
];

/** What the steps rely on of a workload, and the workload of the controllers: of the real ones and of the fakes alike. */
export function workloadContract(name: string, start: () => Promise<WorkloadWorld>): void {
  // Mostly they wait for controllers, each for those of an owner of its own.
  describe(`workloads: ${name}`, { concurrent: true }, () => {
    let world: WorkloadWorld;
    let hands: Hands;
    beforeAll(async () => {
      world = await start();
      hands = new Hands(world);
    });
    afterAll(() => world.close());

    /** An owner of a name of its own with so many pods, all Ready; yields their names in order. */
    const seed = async (resource: Resource, owner: string, replicas: number): Promise<string[]> => {
      await hands.make('east', resource, ownerOf(world, resource, owner, replicas));
      return (await hands.settled('east', owner, replicas)).map(({ metadata }) => metadata.name).toSorted();
    };
    const owner = async (place: 'east' | 'west', resource: Resource, of: string) => {
      const found = await hands.reader(place).get<OwnerObject>(resource, of, { namespace: world.namespace });
      if (!found) throw new Error(`no ${of} in ${place}`);
      return found;
    };
    const clear = async (resource: Resource, of: string) => {
      await Promise.all((['east', 'west'] as const).map((place) => hands.remove(place, resource, of)));
      await Promise.all([hands.settled('east', of, 0), hands.settled('west', of, 0)]);
    };

    describe.each(KINDS)('a pod of a %s', (kind, resource) => {
      it('is adopted in the target, there and back, and no pod is made or deleted beside it', async () => {
        const of = `go-${kind.toLowerCase()}`;
        const names = await seed(resource, of, 2);
        const [stays, moves] = names as [string, string];
        const before = { east: await hands.pods('east', of), owner: await owner('east', resource, of) };
        for (const [from, to] of [
          ['east', 'west'],
          ['west', 'east'],
        ] as const) {
          const [there, here] = await Promise.all([hands.newcomers(to, of), hands.newcomers(from, of)]);
          const made = await carryOut(await handover(world, moves, from, to));
          expect(await there.stop()).toEqual([moves]);
          expect(await here.stop()).toEqual([]);
          const [adopted, ...others] = (await hands.pods(to, of)).filter(({ metadata }) => metadata.name !== stays);
          expect(others).toEqual([]);
          expect(adopted?.metadata.uid).toBe(made.metadata.uid);
          expect(adopted?.metadata.labels).toEqual(labelsOf(before.east, moves));
          expect(controllerOf(adopted)?.kind).toBe(kind === 'Deployment' ? 'ReplicaSet' : kind);
          // A move ends when the source pod is gone: until then its name is taken.
          await hands.gone(from, moves);
        }
        const after = await owner('east', resource, of);
        expect(after.metadata.uid).toBe(before.owner.metadata.uid);
        expect(after.metadata.labels ?? {}).toEqual(before.owner.metadata.labels ?? {});
        expect(after.metadata.annotations).toEqual(before.owner.metadata.annotations);
        expect(after.spec).toEqual(before.owner.spec);
        const left = (await hands.pods('east', of)).find(({ metadata }) => metadata.name === stays);
        expect(left?.metadata.uid).toBe(before.east.find(({ metadata }) => metadata.name === stays)?.metadata.uid);
        expect((await owner('west', resource, of)).spec).toMatchObject({ replicas: 0 });
        await clear(resource, of);
      });

      it('is what its owner in the target makes more of afterwards', async () => {
        const of = `more-${kind.toLowerCase()}`;
        const [moves] = (await seed(resource, of, 1)) as [string];
        const made = await carryOut(await handover(world, moves, 'east', 'west'));
        await hands.change('west', resource, of, { spec: { replicas: 2 } });
        const pods = await hands.settled('west', of, 2);
        expect(pods.map(({ metadata }) => metadata.uid)).toContain(made.metadata.uid);
        await clear(resource, of);
      });

      it('comes back to an owner that is as it was before', async () => {
        const of = `back-${kind.toLowerCase()}`;
        const [, moves] = (await seed(resource, of, 2)) as [string, string];
        const before = { east: await hands.contents('east', of), west: await hands.contents('west', of) };
        const { workload, context } = await handover(world, moves, 'east', 'west');
        const undo = await workload.capture(context);
        await workload.prepare(context);
        await workload.back(context, undo);
        await workload.back(context, undo);
        await hands.settled('west', of, 0);
        // What an owner leaves when it is removed, the garbage collector takes away in a moment.
        await vi.waitFor(
          async () => {
            const after = { east: await hands.contents('east', of), west: await hands.contents('west', of) };
            expect(after).toEqual(before);
          },
          { timeout: 30_000, interval: 100 },
        );
        await clear(resource, of);
      });

      it('goes through once, however often each act is tried', async () => {
        const of = `twice-${kind.toLowerCase()}`;
        const [stays, moves] = (await seed(resource, of, 2)) as [string, string];
        const move = await handover(world, moves, 'east', 'west');
        const { workload, context } = move;
        await workload.prepare(context);
        await workload.prepare(context);
        await move.makeTargetPod();
        await workload.giveUp(context);
        await workload.giveUp(context);
        await workload.takeIn(context);
        await workload.takeIn(context);
        await workload.finalize(context);
        await workload.finalize(context);
        expect((await hands.settled('east', of, 1)).map(({ metadata }) => metadata.name)).toEqual([stays]);
        expect((await hands.settled('west', of, 1)).map(({ metadata }) => metadata.name)).toEqual([moves]);
        await clear(resource, of);
      });

      it('does not move when somebody scales its owner before the commit', async () => {
        const of = `scale-${kind.toLowerCase()}`;
        const [, moves] = (await seed(resource, of, 2)) as [string, string];
        const { workload, context } = await handover(world, moves, 'east', 'west');
        const undo = await workload.capture(context);
        await workload.prepare(context);
        await hands.change('east', resource, of, { spec: { replicas: 3 } });
        expect(await codeOf(workload.check(context, null))).toBe('F344');
        await workload.back(context, undo);
        await hands.settled('east', of, 3);
        expect(await hands.reader('west').get(resource, of, { namespace: world.namespace })).toBeUndefined();
        await clear(resource, of);
      });

      it('moves on when somebody scales its owner after the commit', async () => {
        const of = `late-${kind.toLowerCase()}`;
        const [, moves] = (await seed(resource, of, 2)) as [string, string];
        const move = await handover(world, moves, 'east', 'west');
        const { workload, context } = move;
        await workload.prepare(context);
        await move.makeTargetPod();
        await workload.check(context, null);
        await hands.change('east', resource, of, { spec: { replicas: 3 } });
        await hands.settled('east', of, 3);
        const remade = await hands.newcomers('east', of);
        await workload.giveUp(context);
        await workload.takeIn(context);
        await workload.finalize(context);
        expect((await hands.settled('west', of, 1)).map(({ metadata }) => metadata.name)).toEqual([moves]);
        // A set has no gaps: what was made above the ordinal goes with it.
        await hands.settled('east', of, kind === 'Deployment' ? 2 : 1);
        expect(await remade.stop()).toEqual([]);
        await clear(resource, of);
      });

      it('goes to an owner that differs only where that has no pods and is named, and the way back undoes it', async () => {
        const of = `differ-${kind.toLowerCase()}`;
        const [moves] = (await seed(resource, of, 1)) as [string];
        const other = ownerOf(world, resource, of, 0) as OwnerObject;
        Object.assign(other.spec.template.metadata ?? {}, { annotations: { version: '2' } });
        await hands.make('west', resource, other);
        await hands.seen('west', resource, of);
        const before = (await owner('west', resource, of)).spec;
        const refused = handover(world, moves, 'east', 'west');
        await expect(refused).rejects.toThrow(
          /E111 .*version: \(absent\) -> 2|E111 .*annotations: \(absent\) -> .*version/,
        );
        const named = [`${kind.toLowerCase()}/${of}`];
        const { workload, context } = await handover(world, moves, 'east', 'west', named);
        const undo = await workload.capture(context);
        await workload.prepare(context);
        expect((await owner('west', resource, of)).spec.template.metadata?.annotations).toBeUndefined();
        await workload.back(context, undo);
        expect((await owner('west', resource, of)).spec).toEqual(before);
        await hands.seen('west', resource, of);
        const made = await carryOut(await handover(world, moves, 'east', 'west', named));
        const pods = await hands.settled('west', of, 1);
        expect(pods.map(({ metadata }) => metadata.uid)).toEqual([made.metadata.uid]);
        await clear(resource, of);
      });

      it('is held by one migration at a time', async () => {
        const of = `held-${kind.toLowerCase()}`;
        const [, moves] = (await seed(resource, of, 2)) as [string, string];
        const first = await handover(world, moves, 'east', 'west');
        const second = await handover(world, moves, 'east', 'west');
        Object.assign(second.context.plan, { id: 'm-other' });
        const undo = await first.workload.capture(first.context);
        await first.workload.prepare(first.context);
        expect(await codeOf(second.workload.prepare(second.context))).toBe('F315');
        await expect(handover(world, moves, 'east', 'west')).rejects.toThrow(/E122.*held by migration m-east-west/);
        await first.workload.back(first.context, undo);
        await clear(resource, of);
      });
    });
  });
}

export async function codeOf(act: Promise<unknown>): Promise<unknown> {
  return failureCode(await act.catch((error: unknown) => error));
}

export function labelsOf(pods: readonly Pod[], name: string) {
  return pods.find(({ metadata }) => metadata.name === name)?.metadata.labels;
}

/** An owner of pods that run until they are told to stop. */
export function ownerOf(
  { namespace, image }: WorkloadWorld,
  resource: Resource,
  name: string,
  replicas: number,
): KubeObject {
  const labels = { app: name };
  const isSet = resource.kind === 'StatefulSet';
  return {
    apiVersion: resource.apiVersion,
    kind: resource.kind,
    metadata: { name, namespace, annotations: { team: 'shop' } },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'main', image }] },
      },
      ...(isSet && { serviceName: name, updateStrategy: { type: 'RollingUpdate' } }),
    },
  };
}

import { describe, expect, it } from 'vitest';
import { owner, shows } from '../support/compatibility.ts';
import { ask, type Counter, expectSameProcess } from '../support/counter.ts';
import type { Ended, Kubectl, ProcessOptions } from '../support/kubectl.ts';
import { httpLoad, redisLoad } from '../support/load-client.ts';
import { imageOf, pod, service } from '../support/manifests.ts';
import { removeByForce } from '../support/node-processes.ts';
import { deployment, headless, statefulSet } from '../support/owned.ts';
import { accountForWrites } from '../support/redis-writes.ts';
import type { Right } from '../support/rights.ts';
import { migrationIn, whenSaid } from '../support/said.ts';
import { type Scenario, scenario } from '../support/scenario.ts';
import { expectOnly, takeSnapshot } from '../support/snapshot.ts';

const WITHIN: readonly Right[] = ['within east'];

interface Found {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly labels: Record<string, string>;
    readonly annotations?: Record<string, string>;
    readonly ownerReferences?: { readonly kind: string; readonly uid: string }[];
  };
  readonly spec: { readonly nodeName: string; readonly initContainers?: object[] };
}

async function podsOf(kubectl: Kubectl, namespace: string, app: string): Promise<Found[]> {
  const args = ['-n', namespace, 'pods', '-l', `app=${app}`];
  return (await kubectl.json<{ items: Found[] }>('east', args)).items;
}

/** Moves a pod to another node of its cluster. */
async function moved({ migrate }: Scenario, pod: string, node: string, options: ProcessOptions = {}): Promise<Ended> {
  return migrate(['pod', pod, '--context', 'east', '--to-node', node, '--yes'], options);
}

/** Pods of an owner start on east-1, if it has room, and may go anywhere. */
const ON_ONE = {
  spec: {
    affinity: {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 100, preference: { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['east-1'] }] } },
        ],
      },
    },
  },
};

/** Endpoints of a Service name other addresses, and its slices are made anew. */
function leadsTo(name: string): RegExp {
  return new RegExp(`^east (Endpoints|EndpointSlice)/${name}[-\\w]* `);
}

/** A StatefulSet `db` of counters with two pods on east-1, and both. */
async function counters({ lab, namespace, kubectl }: Scenario): Promise<[Found, Found]> {
  await kubectl.apply('east', [
    statefulSet({ namespace, name: 'db', image: imageOf(lab, 'static'), port: 8080, replicas: 2, ...ON_ONE }),
    headless(namespace, 'db', 8080),
  ]);
  await kubectl.rolledOut('east', namespace, 'statefulset/db');
  const [zero, one] = await podsOf(kubectl, namespace, 'db');
  if (!zero || !one) throw new Error('two pods were asked for');
  return [zero, one];
}

/** What may differ afterwards: the pod, where it is reached, and how often its set was written. */
function ofTheMove(pod: string): (string | RegExp)[] {
  return [
    `east Pod/${pod} `,
    /^east ControllerRevision\/db-\w+ revision: /,
    'east StatefulSet/db status.',
    leadsTo('db'),
    'east Pod/client gone',
  ];
}

describe('a pod of a Deployment', () => {
  it(
    'goes to another node as another pod of its ReplicaSet, and no third is made',
    shows(owner('Deployment', { to: 'node' })),
    () =>
      scenario({ name: 'node-replica', rights: WITHIN }, async (scene) => {
        const { lab, namespace, kubectl } = scene;
        await kubectl.apply('east', [
          deployment({ namespace, name: 'web', image: imageOf(lab, 'static'), port: 8080, replicas: 2, ...ON_ONE }),
          service(namespace, 'web', 8080),
        ]);
        await kubectl.rolledOut('east', namespace, 'deployment/web');
        const [chosen, other] = await podsOf(kubectl, namespace, 'web');
        if (!chosen || !other) throw new Error('two pods were asked for');
        const { name } = chosen.metadata;
        const before = await ask<Counter>(kubectl, 'east', namespace, name);
        const client = { lab, kubectl, context: 'east', namespace, name: 'client', node: 'east-1' } as const;
        const load = await httpLoad(client, 'http://web:8080/');
        await load.going;
        const was = await takeSnapshot(kubectl, namespace);

        expect((await moved(scene, name, 'east-2')).code).toBe(0);
        await load.stop();
        const after = await podsOf(kubectl, namespace, 'web');
        expect(after).toHaveLength(2);
        const target = after.find(({ metadata }) => metadata.uid !== other.metadata.uid);
        if (!target) throw new Error('the other pod is the target');
        expect(target.spec.nodeName).toBe('east-2');
        expect(target.metadata.labels).toEqual(chosen.metadata.labels);
        expect(target.metadata.ownerReferences).toEqual(chosen.metadata.ownerReferences);
        expect(Object.keys(target.metadata.annotations ?? {}).join()).not.toContain('deletion-cost');
        const now = await ask<Counter>(kubectl, 'east', namespace, target.metadata.name);
        expect({ pid: now.pid, startedAt: now.startedAt }).toEqual({ pid: before.pid, startedAt: before.startedAt });
        expect(now.count).toBeGreaterThan(before.count);
        await expectOnly(scene, was, [
          `east Pod/${name} gone`,
          `east Pod/${target.metadata.name} made`,
          'east Pod/client gone',
          /^east (Deployment|ReplicaSet)\/web[-\w]* status\./,
          leadsTo('web'),
        ]);
      }),
  );
});

describe('a pod of a StatefulSet', () => {
  it(
    'goes to another node and back under its own name while it is written to',
    shows(owner('StatefulSet', { to: 'node' })),
    () =>
      scenario({ name: 'node-ordinal', rights: WITHIN }, async (scene) => {
        const { lab, namespace, kubectl } = scene;
        await kubectl.apply('east', [
          statefulSet({ namespace, name: 'db', image: imageOf(lab, 'redis'), port: 6379, replicas: 2, ...ON_ONE }),
          headless(namespace, 'db', 6379),
        ]);
        await kubectl.rolledOut('east', namespace, 'statefulset/db');
        const [zero, one] = await podsOf(kubectl, namespace, 'db');
        const client = { lab, kubectl, context: 'east', namespace, name: 'client', node: 'east-1' } as const;
        const load = await redisLoad(client, 'db-1.db:6379');
        await load.going;
        const was = await takeSnapshot(kubectl, namespace);

        for (const node of ['east-2', 'east-1']) {
          expect((await moved(scene, 'db-1', node)).code).toBe(0);
          const [first, second] = await podsOf(kubectl, namespace, 'db');
          expect(first?.metadata.uid).toBe(zero?.metadata.uid);
          expect(second?.spec.nodeName).toBe(node);
          expect(second?.metadata).toMatchObject({ name: 'db-1', labels: one?.metadata.labels });
          expect(second?.metadata.ownerReferences).toEqual(one?.metadata.ownerReferences);
        }
        const account = await accountForWrites(kubectl, { context: 'east', namespace, pod: 'db-1' }, await load.stop());
        expect(account).toMatchObject({ lost: [], twice: [] });
        expect(account.acknowledged).toBeGreaterThan(500);
        await expectOnly(scene, was, ofTheMove('db-1'));
      }),
  );

  it('leaves a sibling that dies meanwhile to its own program and its own template', () =>
    scenario({ name: 'node-sibling', rights: WITHIN }, async (scene) => {
      const { namespace, kubectl } = scene;
      const [zero, one] = await counters(scene);
      const before = await ask<Counter>(kubectl, 'east', namespace, 'db-1');
      const was = await takeSnapshot(kubectl, namespace);
      const killed = whenSaid('committed', () => removeByForce(kubectl, 'east', { namespace, name: 'db-0' }));

      expect((await moved(scene, 'db-1', 'east-2', killed.options)).code).toBe(0);
      await killed.done();
      await kubectl.rolledOut('east', namespace, 'statefulset/db');
      const [first, second] = await podsOf(kubectl, namespace, 'db');
      expect(first?.metadata.uid).not.toBe(zero.metadata.uid);
      expect(first?.metadata.labels).toEqual(zero.metadata.labels);
      expect(first?.spec.initContainers).toBeUndefined();
      expect((await ask<Counter>(kubectl, 'east', namespace, 'db-0')).count).toBeLessThan(3);
      expect(second?.spec.nodeName).toBe('east-2');
      expect(second?.metadata.labels).toEqual(one.metadata.labels);
      expectSameProcess(before, await ask<Counter>(kubectl, 'east', namespace, 'db-1'));
      await expectOnly(scene, was, [...ofTheMove('db-1'), 'east Pod/db-0 ']);
    }));

  it('that cannot be restored once its name is free goes on where it was', () =>
    scenario({ name: 'node-fallback', rights: WITHIN }, async (scene) => {
      const { namespace, kubectl } = scene;
      const [zero, one] = await counters(scene);
      const before = await ask<Counter>(kubectl, 'east', namespace, 'db-1');
      const was = await takeSnapshot(kubectl, namespace);
      // Once there is no way back to the source pod, somebody takes the image away on the target's node.
      const lose = "require('node:fs').rmSync('/images/img', { recursive: true })";
      const lost = whenSaid('free the name, and restore in the pod that takes it: ', ({ id }) =>
        kubectl.run('east', [
          ...['-n', 'kubectl-migrate', 'exec', `helper-${id}-target`, '--', '/usr/bin/node', '-e', lose],
        ]),
      );

      const ended = await moved(scene, 'db-1', 'east-2', lost.options);
      await lost.done();
      expect(ended.code).toBe(1);
      expect(ended.stderr).toMatch(/F348[\s\S]*db-1 goes on with all of its memory on east-1/);
      const [first, second] = await podsOf(kubectl, namespace, 'db');
      expect(first?.metadata.uid).toBe(zero.metadata.uid);
      expect(second?.spec.nodeName).toBe('east-1');
      expect(second?.metadata.labels).toEqual(one.metadata.labels);
      expectSameProcess(before, await ask<Counter>(kubectl, 'east', namespace, 'db-1'));
      await expectOnly(scene, was, ofTheMove('db-1'));
      expect(await scene.leftOf(ended)).toEqual([`east configmap/${migrationIn(ended.stderr)}`]);
    }));
});

describe('a bare pod', () => {
  it('goes to another node and back under its own name', shows(owner('nobody (bare pod)', { to: 'node' })), () =>
    scenario({ name: 'node-bare', rights: WITHIN }, async (scene) => {
      const { lab, namespace, kubectl } = scene;
      await kubectl.apply('east', [
        pod({ namespace, name: 'db', image: imageOf(lab, 'static'), port: 8080, node: 'east-1' }),
        service(namespace, 'db', 8080),
      ]);
      await kubectl.ready('east', namespace, 'db');
      const before = await ask<Counter>(kubectl, 'east', namespace, 'db');
      const [source] = await podsOf(kubectl, namespace, 'db');
      const was = await takeSnapshot(kubectl, namespace);
      for (const node of ['east-2', 'east-1']) {
        expect((await moved(scene, 'db', node)).code).toBe(0);
        const [target, ...others] = await podsOf(kubectl, namespace, 'db');
        expect(others).toEqual([]);
        expect(target?.spec.nodeName).toBe(node);
        expect(target?.metadata.labels).toEqual(source?.metadata.labels);
      }
      expectSameProcess(before, await ask<Counter>(kubectl, 'east', namespace, 'db'));
      await expectOnly(scene, was, ofTheMove('db'));
    }),
  );
});

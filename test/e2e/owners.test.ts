import { describe, expect, it } from 'vitest';
import { ask, type Counter, expectSameProcess } from '../support/counter.ts';
import type { Context, Kubectl } from '../support/kubectl.ts';
import { imageOf, service } from '../support/manifests.ts';
import { deployment, headless, statefulSet } from '../support/owned.ts';
import { type Scenario, scenario } from '../support/scenario.ts';

interface Found {
  readonly metadata: {
    name: string;
    uid: string;
    labels: Record<string, string>;
    ownerReferences?: { kind: string }[];
  };
}

async function podsOf(kubectl: Kubectl, context: Context, namespace: string): Promise<Found[]> {
  return (await kubectl.json<{ items: Found[] }>(context, ['-n', namespace, 'pods'])).items;
}

async function moved({ migrate }: Scenario, pod: string, from: Context, to: Context): Promise<void> {
  const ended = await migrate(['pod', pod, '--context', from, '--to-context', to, '--yes']);
  expect(ended.code).toBe(0);
}

describe('a pod of a Deployment', () => {
  it('is taken in by the Deployment of the other cluster, there and back', () =>
    scenario('deployment', async (scene) => {
      const { lab, namespace, kubectl } = scene;
      const image = imageOf(lab, 'static');
      await kubectl.apply('east', [
        deployment({ namespace, name: 'web', image, port: 8080, replicas: 2 }),
        service(namespace, 'web', 8080),
      ]);
      await kubectl.run('east', ['-n', namespace, 'rollout', 'status', 'deployment/web', '--timeout=60s']);
      const [chosen, other] = await podsOf(kubectl, 'east', namespace);
      if (!chosen || !other) throw new Error('two pods were asked for');
      const name = chosen.metadata.name;
      const before = await ask<Counter>(kubectl, 'east', namespace, name);

      await moved(scene, name, 'east', 'west');
      const there = await ask<Counter>(kubectl, 'west', namespace, name);
      expectSameProcess(before, there);
      expect((await podsOf(kubectl, 'east', namespace)).map(({ metadata }) => metadata.uid)).toEqual([
        other.metadata.uid,
      ]);
      const inWest = await podsOf(kubectl, 'west', namespace);
      expect(inWest.map(({ metadata }) => [metadata.name, metadata.ownerReferences?.[0]?.kind])).toEqual([
        [name, 'ReplicaSet'],
      ]);

      await moved(scene, name, 'west', 'east');
      expectSameProcess(there, await ask<Counter>(kubectl, 'east', namespace, name));
      expect(await podsOf(kubectl, 'west', namespace)).toEqual([]);
      const inEast = await podsOf(kubectl, 'east', namespace);
      expect(inEast.map(({ metadata }) => metadata.name).toSorted()).toEqual([name, other.metadata.name].toSorted());
    }));
});

describe('a pod of a StatefulSet', () => {
  it('is taken in by the set of the other cluster, there and back', () =>
    scenario('stateful-set', async (scene) => {
      const { lab, namespace, kubectl } = scene;
      const image = imageOf(lab, 'static');
      await kubectl.apply('east', [
        statefulSet({ namespace, name: 'db', image, port: 8080, replicas: 2 }),
        headless(namespace, 'db', 8080),
      ]);
      await kubectl.run('east', ['-n', namespace, 'rollout', 'status', 'statefulset/db', '--timeout=60s']);
      const [zero, one] = await podsOf(kubectl, 'east', namespace);
      const before = await ask<Counter>(kubectl, 'east', namespace, 'db-1');

      await moved(scene, 'db-1', 'east', 'west');
      const there = await ask<Counter>(kubectl, 'west', namespace, 'db-1');
      expectSameProcess(before, there);
      expect((await podsOf(kubectl, 'east', namespace)).map(({ metadata }) => metadata.uid)).toEqual([
        zero?.metadata.uid,
      ]);
      const [inWest] = await podsOf(kubectl, 'west', namespace);
      expect(inWest?.metadata.labels).toEqual(one?.metadata.labels);

      await moved(scene, 'db-1', 'west', 'east');
      expectSameProcess(there, await ask<Counter>(kubectl, 'east', namespace, 'db-1'));
      expect(await podsOf(kubectl, 'west', namespace)).toEqual([]);
    }));
});

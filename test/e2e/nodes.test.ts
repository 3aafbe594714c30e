import { describe, expect, it } from 'vitest';
import { ask, type Counter, expectSameProcess } from '../support/counter.ts';
import type { Kubectl } from '../support/kubectl.ts';
import { httpLoad } from '../support/load-client.ts';
import { imageOf, pod, service } from '../support/manifests.ts';
import { deployment, headless, statefulSet } from '../support/owned.ts';
import { type Scenario, scenario } from '../support/scenario.ts';

interface Found {
  readonly metadata: {
    name: string;
    uid: string;
    labels: Record<string, string>;
    annotations?: Record<string, string>;
    ownerReferences?: { kind: string; uid: string }[];
  };
  readonly spec: { nodeName: string };
}

async function podsOf(kubectl: Kubectl, namespace: string, app: string): Promise<Found[]> {
  const args = ['-n', namespace, 'pods', '-l', `app=${app}`];
  return (await kubectl.json<{ items: Found[] }>('east', args)).items;
}

/** Moves a pod to another node of its cluster; throws what the program says when it fails. */
async function moved({ migrate }: Scenario, pod: string, node: string): Promise<void> {
  const ended = await migrate(['pod', pod, '--context', 'east', '--to-node', node, '--yes']);
  expect(ended.stderr + ended.stdout).toContain(node);
  expect(ended.code).toBe(0);
}

const ON_ONE = { spec: { nodeSelector: undefined, affinity: prefer('east-1') } };

function prefer(node: string): object {
  const preference = { matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] };
  return { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, preference }] } };
}

describe('a pod of a Deployment', () => {
  it('goes to another node as another pod of its ReplicaSet, and no third is made', () =>
    scenario('node-replica', async (scene) => {
      const { lab, namespace, kubectl } = scene;
      await kubectl.apply('east', [
        deployment({ namespace, name: 'web', image: imageOf(lab, 'static'), port: 8080, replicas: 2, ...ON_ONE }),
        service(namespace, 'web', 8080),
      ]);
      await kubectl.run('east', ['-n', namespace, 'rollout', 'status', 'deployment/web', '--timeout=60s']);
      const [chosen, other] = await podsOf(kubectl, namespace, 'web');
      if (!chosen || !other) throw new Error('two pods were asked for');
      const before = await ask<Counter>(kubectl, 'east', namespace, chosen.metadata.name);
      const serviceBefore = await kubectl.json<{ spec: object }>('east', ['-n', namespace, 'service', 'web']);
      const load = await httpLoad(
        { lab, kubectl, context: 'east', namespace, name: 'client', node: 'east-1' },
        'http://web:8080/',
      );
      await load.going;

      await moved(scene, chosen.metadata.name, 'east-2');
      const { longestGapMs } = await load.stop();
      expect(longestGapMs).toBeLessThan(2500);

      const after = await podsOf(kubectl, namespace, 'web');
      expect(after).toHaveLength(2);
      expect(after.map(({ metadata }) => metadata.uid)).toContain(other.metadata.uid);
      const target = after.find(({ metadata }) => metadata.uid !== other.metadata.uid);
      if (!target) throw new Error('the other pod is the target');
      expect(target.spec.nodeName).toBe('east-2');
      expect(target.metadata.labels).toEqual(chosen.metadata.labels);
      expect(target.metadata.ownerReferences).toEqual(chosen.metadata.ownerReferences);
      expect(Object.keys(target.metadata.annotations ?? {}).join()).not.toContain('deletion-cost');
      const now = await ask<Counter>(kubectl, 'east', namespace, target.metadata.name);
      expect(now.pid).toBe(before.pid);
      expect(now.count).toBeGreaterThan(before.count);
      expect(now.startedAt).toBe(before.startedAt);
      const serviceAfter = await kubectl.json<{ spec: object }>('east', ['-n', namespace, 'service', 'web']);
      expect(serviceAfter.spec).toEqual(serviceBefore.spec);
      expect((await scene.objects()).filter((name) => name.includes('-migrate-'))).toEqual([]);
    }));
});

interface SetObject {
  readonly spec: { template: object; updateStrategy: object };
  readonly status: { updateRevision: string; currentRevision: string };
}

describe('a pod of a StatefulSet', () => {
  it('goes to another node and back under its own name, and its set is as it was', () =>
    scenario('node-ordinal', async (scene) => {
      const { lab, namespace, kubectl } = scene;
      await kubectl.apply('east', [
        statefulSet({ namespace, name: 'db', image: imageOf(lab, 'static'), port: 8080, replicas: 2, ...ON_ONE }),
        headless(namespace, 'db', 8080),
        service(namespace, 'db-http', 8080, 'db'),
      ]);
      await kubectl.run('east', ['-n', namespace, 'rollout', 'status', 'statefulset/db', '--timeout=60s']);
      const set = () => kubectl.json<SetObject>('east', ['-n', namespace, 'statefulset', 'db']);
      const revisions = () => kubectl.run('east', ['-n', namespace, 'get', 'controllerrevisions', '-o', 'name']);
      const [zero, one] = await podsOf(kubectl, namespace, 'db');
      const before = { set: await set(), revisions: await revisions() };
      const asked = await ask<Counter>(kubectl, 'east', namespace, 'db-1');
      let uid = one?.metadata.uid;

      for (const node of ['east-2', 'east-1']) {
        await moved(scene, 'db-1', node);
        const [first, second] = await podsOf(kubectl, namespace, 'db');
        expect(first?.metadata.uid).toBe(zero?.metadata.uid);
        expect(second?.metadata.name).toBe('db-1');
        expect(second?.metadata.uid).not.toBe(uid);
        uid = second?.metadata.uid;
        expect(second?.spec.nodeName).toBe(node);
        expect(second?.metadata.labels).toEqual(one?.metadata.labels);
        const { spec, status } = await set();
        expect(spec).toEqual(before.set.spec);
        expect(status.updateRevision).toBe(before.set.status.updateRevision);
        expect(status.currentRevision).toBe(before.set.status.currentRevision);
        expect(await revisions()).toBe(before.revisions);
      }
      const now = await ask<Counter>(kubectl, 'east', namespace, 'db-1');
      expectSameProcess(asked, now);
      expect((await scene.objects()).filter((name) => /-migrate-|rehearsal/.test(name))).toEqual([]);
    }));
});

describe('a bare pod', () => {
  it('goes to another node and back under its own name', () =>
    scenario('node-bare', async (scene) => {
      const { lab, namespace, kubectl } = scene;
      await kubectl.apply('east', [
        pod({ namespace, name: 'solo', image: imageOf(lab, 'static'), port: 8080, node: 'east-1' }),
        service(namespace, 'solo', 8080),
      ]);
      await kubectl.ready('east', namespace, 'solo');
      const before = await ask<Counter>(kubectl, 'east', namespace, 'solo');
      const [source] = await podsOf(kubectl, namespace, 'solo');
      for (const node of ['east-2', 'east-1']) {
        await moved(scene, 'solo', node);
        const [target, ...others] = await podsOf(kubectl, namespace, 'solo');
        expect(others).toEqual([]);
        expect(target?.spec.nodeName).toBe(node);
        expect(target?.metadata.labels).toEqual(source?.metadata.labels);
      }
      expectSameProcess(before, await ask<Counter>(kubectl, 'east', namespace, 'solo'));
    }));
});

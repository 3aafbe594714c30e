import { describe, expect, it } from 'vitest';
import type { HelperOp } from '../../../src/helper/protocol.ts';
import type { KubeObject, Pod, Service } from '../../../src/kube/objects.ts';
import { controllerOf, type OwnerObject } from '../../../src/kube/owner-objects.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { endedAtHome } from '../../../src/steps/take-place.ts';
import { move } from '../../fixtures/move.ts';
import { runningPod, service } from '../../fixtures/objects.ts';
import { oneCluster, places, rest } from '../../fixtures/one-cluster.ts';
import { deployment, statefulSet } from '../../fixtures/owners.ts';
import { type Clusters, contents } from '../../fixtures/two-clusters.ts';

const services = [service('cart')];

function set(): Promise<Clusters> {
  return oneCluster({ owner: statefulSet({ replicas: 2 }), services });
}

/** All that lasts: without what every write of an owner raises. */
async function lasting({ east }: Clusters): Promise<KubeObject[]> {
  await rest();
  return contents(east).map(({ status: _status, ...object }) => {
    const { generation: _generation, ...metadata } = object.metadata;
    return { ...object, metadata } as KubeObject;
  });
}

function podNamed({ east }: Clusters, name: string): Pod | undefined {
  return east.peek<Pod>(RESOURCES.pod, 'shop', name);
}

describe('a pod of a StatefulSet', () => {
  it('takes its own name on the other node, and its set is as it was', async () => {
    const clusters = await set();
    const { east } = clusters;
    const before = {
      set: east.peek<OwnerObject>(RESOURCES.statefulSet, 'shop', 'cart'),
      pod: podNamed(clusters, 'cart-1'),
    };
    const other = podNamed(clusters, 'cart-0')?.metadata.uid;
    const { state } = await move(clusters, { request: { pod: 'cart-1' } });
    await rest();
    expect(state).toBe('done');
    expect(places(clusters)).toEqual(['cart-0 east-1', 'cart-1 east-2']);
    const pod = podNamed(clusters, 'cart-1');
    expect(pod?.metadata.uid).not.toBe(before.pod?.metadata.uid);
    expect(pod?.metadata.labels).toEqual(before.pod?.metadata.labels);
    expect(controllerOf(pod)).toEqual(controllerOf(before.pod));
    expect(podNamed(clusters, 'cart-0')?.metadata.uid).toBe(other);
    expect(east.peek<OwnerObject>(RESOURCES.statefulSet, 'shop', 'cart')?.spec).toEqual(before.set?.spec);
    expect(east.peek<Service>(RESOURCES.service, 'shop', 'cart')?.spec.selector).toEqual({ app: 'cart' });
    expect(east.all(RESOURCES.pod, 'kubectl-migrate')).toEqual([]);
  });

  it('is restored once before the source pod is deleted, and once after it', async () => {
    const clusters = await set();
    const there: boolean[] = [];
    const uid = podNamed(clusters, 'cart-1')?.metadata.uid;
    const { on } = clusters.helpers.target;
    clusters.helpers.target.on = (op) => {
      on(op);
      if (op === 'restore') there.push(podNamed(clusters, 'cart-1')?.metadata.uid === uid);
    };
    await move(clusters, { request: { pod: 'cart-1' } });
    expect(there).toEqual([true, false]);
    const order: HelperOp[] = ['prepare-restore', 'restore', 'carry-files', 'continue'];
    const asked = clusters.helpers.target.asked.filter((op) => order.includes(op));
    expect(asked).toEqual(['prepare-restore', 'restore', 'prepare-restore', 'carry-files', 'restore', 'continue']);
    expect(clusters.helpers.source.asked).not.toContain('thaw');
  });

  it.each(['prepare-restore', 'receive', 'restore'] as const)(
    'that fails in %s before the commit is as before',
    async (op) => {
      const clusters = await set();
      const was = await lasting(clusters);
      clusters.helpers.target.fail.set(op, { code: 'tool-failed', summary: 'made to fail', detail: '' });
      await expect(move(clusters, { request: { pod: 'cart-1' } })).rejects.toMatchObject({ outcome: 'failed' });
      expect(await lasting(clusters)).toEqual(was);
    },
  );

  it('does not move when somebody changes the set while it is frozen, whose change stays', async () => {
    const clusters = await set();
    clusters.helpers.source.on = (op) => {
      if (op !== 'freeze') return;
      clusters.east.change<OwnerObject>(RESOURCES.statefulSet, 'shop', 'cart', (owner) => {
        owner.metadata.generation = (owner.metadata.generation ?? 0) + 1;
        owner.spec.template = {
          ...owner.spec.template,
          metadata: { labels: { app: 'cart' }, annotations: { v: '2' } },
        };
      });
    };
    await expect(move(clusters, { request: { pod: 'cart-1' } })).rejects.toMatchObject({ code: 'F344' });
    const { spec } = clusters.east.peek<OwnerObject>(RESOURCES.statefulSet, 'shop', 'cart') ?? {};
    expect(spec?.template.metadata?.annotations).toEqual({ v: '2' });
  });

  it('that cannot be restored once its name is free is restored on its own node', async () => {
    const clusters = await set();
    const { helpers } = clusters;
    const { on } = helpers.target;
    helpers.target.on = (op) => {
      on(op);
      if (op === 'carry-files')
        helpers.target.fail.set('restore', { code: 'criu-refused-restore', summary: 'made to fail', detail: '' });
    };
    const { plan, results, state } = await move(clusters, { request: { pod: 'cart-1' } });
    await rest();
    expect(state).toBe('done');
    expect(places(clusters)).toEqual(['cart-0 east-1', 'cart-1 east-1']);
    expect(helpers.source.asked).toEqual(expect.arrayContaining(['prepare-restore', 'receive', 'restore', 'continue']));
    expect(endedAtHome(plan, results.place)).toMatchObject({
      code: 'F348',
      outcome: 'failed',
      detail: expect.stringMatching(/made to fail[\s\S]*shop\/cart-1 goes on .* east-1/),
    });
  });
});

describe('a bare pod', () => {
  it('takes its own name on the other node', async () => {
    const clusters = await oneCluster({ pod: runningPod(), services });
    const { state } = await move(clusters);
    expect(state).toBe('done');
    expect(places(clusters)).toEqual(['cart-0 east-2']);
  });

  it('takes another name when asked to, and needs no rehearsal', async () => {
    const clusters = await oneCluster({ pod: runningPod(), services });
    const { plan } = await move(clusters, { request: { targetName: 'cart-x' } });
    expect(plan.rehearsal).toBeUndefined();
    expect(places(clusters)).toEqual(['cart-x east-2']);
  });
});

describe('a pod of a Deployment', () => {
  it('is replaced one for one', async () => {
    const clusters = await oneCluster({ owner: deployment({ replicas: 2 }), services });
    const [stays, leaves] = places(clusters).map((place) => place.split(' ')[0] ?? '');
    const { state, plan } = await move(clusters, { request: { pod: leaves ?? '' } });
    await rest();
    expect(state).toBe('done');
    expect(places(clusters)).toEqual([`${stays} east-1`, `${plan.target.pod} east-2`].toSorted());
  });
});

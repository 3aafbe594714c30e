import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../src/kube/objects.ts';
import { replicasOf } from '../../../src/planner/replicas.ts';
import { runningPod } from '../../fixtures/objects.ts';
import { podOf } from '../../fixtures/owners.ts';
import { twoClusters } from '../../fixtures/two-clusters.ts';

function named(pod: Pod, name: string): Pod {
  return { ...pod, metadata: { ...pod.metadata, name } };
}

function order(kind: string, pod: string, others: readonly string[]): Promise<string[]> {
  const owned = podOf({ kind, metadata: { name: 'cart' } });
  const { readers } = twoClusters({
    pod: named(owned, pod),
    siblings: [...others.map((name) => named(owned, name)), runningPod({ name: 'somebody-else' })],
  });
  return replicasOf(readers.source, { namespace: 'shop', pod }, {});
}

describe('the pods of one owner', () => {
  it('of a StatefulSet go from the highest ordinal down', async () => {
    expect(await order('StatefulSet', 'cart-1', ['cart-0', 'cart-10', 'cart-2'])).toEqual([
      'cart-10',
      'cart-2',
      'cart-1',
      'cart-0',
    ]);
  });

  it('of a Deployment go by name, after the one that was named', async () => {
    expect(await order('ReplicaSet', 'cart-b', ['cart-c', 'cart-a'])).toEqual(['cart-b', 'cart-a', 'cart-c']);
  });

  it('are one where nobody owns it, and none where there is none', async () => {
    const { readers } = twoClusters({ siblings: [runningPod({ name: 'cart-1' })] });
    expect(await replicasOf(readers.source, { namespace: 'shop', pod: 'cart-0' }, {})).toEqual(['cart-0']);
    await expect(replicasOf(readers.source, { namespace: 'shop', pod: 'x' }, {})).rejects.toMatchObject({
      findings: [{ code: 'E103' }],
    });
  });
});

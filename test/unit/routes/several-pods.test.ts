import { describe, expect, it } from 'vitest';
import type { EndpointSlice, Service } from '../../../src/kube/objects.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import type { FakeCluster } from '../../fakes/fake-cluster.ts';
import { move } from '../../fixtures/move.ts';
import { runningPod, service } from '../../fixtures/objects.ts';
import { type Clusters, contents, twoClusters } from '../../fixtures/two-clusters.ts';

function shop(): Clusters {
  const sibling = runningPod({ name: 'cart-1' });
  if (sibling.status) sibling.status.podIPs = [{ ip: '10.1.0.6' }];
  return twoClusters({ services: [service('cart')], siblings: [sibling] });
}

/** The networks that a Service leads to: 10.1 is east’s, 10.2 is west’s. */
function leadsTo(cluster: FakeCluster): string[] {
  const slices = cluster.all(RESOURCES.endpointSlice, 'shop') as EndpointSlice[];
  const addresses = slices.flatMap(({ endpoints }) => (endpoints ?? []).flatMap((endpoint) => endpoint.addresses));
  return addresses.map((address) => address.slice(0, 4)).toSorted();
}

function selectorIn(cluster: FakeCluster) {
  return cluster.peek<Service>(RESOURCES.service, 'shop', 'cart')?.spec.selector;
}

describe('two pods of one service that move one after the other', () => {
  it('are both reached all along, there and back, and the service selects its pods again at the end', async () => {
    const clusters = shop();
    const { east, west } = clusters;
    await move(clusters);
    expect([leadsTo(east), leadsTo(west)]).toEqual([['10.1', '10.2'], ['10.2']]);
    await move(clusters, { id: 'm-b', request: { pod: 'cart-1' } });
    expect([leadsTo(east), leadsTo(west)]).toEqual([
      ['10.2', '10.2'],
      ['10.2', '10.2'],
    ]);
    await move(clusters, { id: 'm-c', back: true, request: { pod: 'cart-1' } });
    expect(leadsTo(east)).toEqual(['10.1', '10.2']);
    expect(selectorIn(east)).toBeUndefined();
    await move(clusters, { id: 'm-d', back: true });
    expect(leadsTo(east)).toEqual(['10.1', '10.1']);
    expect(selectorIn(east)).toEqual({ app: 'cart' });
  });

  it('leave the service as the first one left it when the second one fails', async () => {
    const clusters = shop();
    await move(clusters);
    const shopOf = () => contents(clusters.east).filter(({ metadata }) => metadata.namespace === 'shop');
    const was = shopOf();
    clusters.helpers.target.fail.set('restore', { code: 'tool-failed', summary: 'no', detail: '' });
    await expect(move(clusters, { id: 'm-b', request: { pod: 'cart-1' } })).rejects.toMatchObject({
      outcome: 'failed',
    });
    expect(shopOf()).toEqual(was);
  });
});

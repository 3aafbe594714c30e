import { beforeEach, describe, expect, it } from 'vitest';
import { createReader } from '../../../src/kube/client.ts';
import type { ConfigMap } from '../../../src/kube/objects.ts';
import type { ClusterReader } from '../../../src/kube/ports.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { FakeCluster } from '../../fakes/fake-cluster.ts';

let cluster: FakeCluster;
let reader: ClusterReader;
beforeEach(() => {
  const clock = new FakeClock({ auto: true });
  cluster = new FakeCluster({ clock, user: 'ann' });
  reader = createReader(cluster.client('source', 'east'), clock);
});

describe('long lists', () => {
  beforeEach(() => {
    for (let count = 0; count < 1200; count += 1) {
      const metadata = { name: `cm-${String(count).padStart(4, '0')}`, namespace: 'default' };
      cluster.seed<ConfigMap>(RESOURCES.configMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
    }
  });
  const names = async (): Promise<string[]> =>
    (await reader.list(RESOURCES.configMap, { namespace: 'default' })).map((object) => object.metadata.name);

  it('come in pages', async () => {
    const all = await names();
    expect(new Set(all).size).toBe(1200);
    expect(cluster.calls).toHaveLength(3);
  });

  it('are read in one go when the server forgot where it was', async () => {
    const isSecond = (query?: Readonly<Record<string, string>>): boolean => query?.['continue'] === '1000';
    cluster.faults.add({ when: (request) => isSecond(request.query), fault: { kind: 'status', code: 410 } });
    expect(await names()).toHaveLength(1200);
    expect(cluster.calls.at(-1)?.query).toEqual({});
  });
});

describe('access', () => {
  it('yields what is refused, in the order of the questions', async () => {
    const ask = (verb: string, resource: string) => ({ verb, group: '', resource, namespace: 'shop' });
    cluster.deny.push({ verb: 'delete', group: '', resource: 'pods' }, { verb: 'list', group: '', resource: 'nodes' });
    const questions = [ask('list', 'nodes'), ask('get', 'pods'), ask('delete', 'pods')];
    expect(await reader.refused(questions)).toEqual([questions[0], questions[2]]);
  });

  it('knows the user, or that the server does not tell', async () => {
    expect(await reader.whoAmI()).toBe('ann');
    cluster.faults.add({ when: () => true, fault: { kind: 'status', code: 404 } });
    expect(await reader.whoAmI()).toBe('');
  });
});

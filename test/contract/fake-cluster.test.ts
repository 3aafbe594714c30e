import { systemClock } from '../../src/kube/clock.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { FakeCluster } from '../fakes/fake-cluster.ts';
import { clusterContract } from './cluster-contract.ts';

clusterContract('fake', async () => {
  const cluster = new FakeCluster({ clock: systemClock });
  cluster.seed(RESOURCES.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'suite' } });
  return { api: cluster.client('source'), namespace: 'suite', close: async () => undefined };
});

import path from 'node:path';
import { createFileSink } from '../../src/journal/file-sink.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { FakeCluster } from '../fakes/fake-cluster.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { configMapSink } from './config-map-place.ts';
import { journalContract } from './journal-contract.ts';

journalContract('file', async () => {
  const home = temporaryFolder();
  return {
    connect: () => createFileSink(path.join(home, 'state', 'kubectl-migrate')),
    close: async () => undefined,
  };
});

journalContract('config map, fake cluster', async () => {
  const cluster = new FakeCluster({ clock: systemClock });
  cluster.seed(RESOURCES.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'suite' } });
  return { connect: () => configMapSink(cluster.client('source'), 'suite'), close: async () => undefined };
});

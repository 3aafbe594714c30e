import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createFileSink } from '../../src/journal/file-sink.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { FakeCluster } from '../fakes/fake-cluster.ts';
import { configMapSink } from './config-map-place.ts';
import { journalContract } from './journal-contract.ts';

journalContract('file', async () => {
  const home = await mkdtemp(path.join(tmpdir(), 'kubectl-migrate-journal-'));
  return {
    connect: () => createFileSink(path.join(home, 'state', 'kubectl-migrate')),
    close: () => rm(home, { recursive: true }),
  };
});

journalContract('config map, fake cluster', async () => {
  const cluster = new FakeCluster({ clock: systemClock });
  cluster.seed(RESOURCES.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'suite' } });
  return { connect: () => configMapSink(cluster.client('source'), 'suite'), close: async () => undefined };
});

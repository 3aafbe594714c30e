import { describe, expect, it } from 'vitest';
import { recordsInCluster } from '../../../src/journal/list-records.ts';
import type { ConfigMap } from '../../../src/kube/objects.ts';
import type { ClusterReader } from '../../../src/kube/ports.ts';

const configMap = (name: string, creationTimestamp: string): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'kubectl-migrate', creationTimestamp },
  data: { header: 'of an older version' },
});

describe('the records of a cluster', () => {
  const all = [
    configMap('m-oldest', '2026-01-01T00:00:00Z'),
    configMap('m-latest', '2026-03-01T00:00:00Z'),
    configMap('m-middle', '2026-02-01T00:00:00Z'),
  ];
  const reader = { context: 'east', list: async () => all } as unknown as ClusterReader;
  const namesOf = async (options: { newest?: number }) =>
    (await recordsInCluster(reader, options)).unreadable.map(({ id }) => id);

  it('are all looked at', async () => {
    expect(await namesOf({})).toEqual(['m-oldest', 'm-latest', 'm-middle']);
  });

  it('are the newest where no more are wanted', async () => {
    expect(await namesOf({ newest: 2 })).toEqual(['m-latest', 'm-middle']);
  });
});

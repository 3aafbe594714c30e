import { expect, it } from 'vitest';
import { failureCode } from '../../src/domain/errors.ts';
import { systemClock } from '../../src/kube/clock.ts';
import type { ConfigMap } from '../../src/kube/objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { FakeCluster } from '../fakes/fake-cluster.ts';
import { auditEntry } from '../fixtures/audit.ts';
import { auditChain, auditContract } from './audit-contract.ts';

function cluster(): FakeCluster {
  const fake = new FakeCluster({ clock: systemClock });
  fake.seed(RESOURCES.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'suite' } });
  return fake;
}

auditContract('fake cluster', async () => {
  const fake = cluster();
  return { connect: () => auditChain(fake.client('source'), 'suite'), close: async () => undefined };
});

it('an audit record that cannot be written says so', async () => {
  const fake = new FakeCluster({ clock: systemClock });
  const failed = auditChain(fake.client('source'), 'absent').append(auditEntry());
  expect(failureCode(await failed.catch((error: unknown) => error))).toBe('F351');
});

it('what is no link is told by its place, and the rest is read', async () => {
  const fake = cluster();
  await auditChain(fake.client('source'), 'suite').append(auditEntry());
  fake.change<ConfigMap>(RESOURCES.configMap, 'suite', 'audit-000001', (map) => {
    map.data = { ...map.data, 'entry-00000002': '{"seq":2' };
  });
  const { links, unreadable } = await auditChain(fake.client('source'), 'suite').read();
  expect(links).toHaveLength(1);
  expect(unreadable).toEqual(['audit-000001/entry-00000002']);
});

import { expect, it } from 'vitest';
import { SYSTEM_NAMESPACE } from '../../../src/domain/names.ts';
import type { Resource } from '../../../src/kube/ports.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { move } from '../../fixtures/move.ts';
import { twoClusters } from '../../fixtures/two-clusters.ts';

/** The namespace of helpers in west after a move that made it and failed; meanwhile others have put something into it. */
async function afterFailure(others: readonly (readonly [Resource, string])[]) {
  const clusters = twoClusters();
  const { west } = clusters;
  clusters.helpers.target.fail.set('restore', { code: 'tool-failed', summary: 'no', detail: '' });
  west.onChange((type, { kind, metadata: { name: made } }) => {
    if (type !== 'ADDED' || kind !== 'Namespace' || made !== SYSTEM_NAMESPACE) return;
    for (const [resource, name] of others) {
      const { apiVersion, kind } = resource;
      west.seed(resource, {
        apiVersion,
        kind,
        metadata: { name, namespace: SYSTEM_NAMESPACE },
        spec: { containers: [] },
      });
    }
  });
  await expect(move(clusters)).rejects.toMatchObject({ outcome: 'failed' });
  const left = others.filter(([resource, name]) => west.peek(resource, SYSTEM_NAMESPACE, name));
  return { namespace: west.peek(RESOURCES.namespace, undefined, SYSTEM_NAMESPACE), left };
}

it.each<[string, Resource]>([
  ['Secret', RESOURCES.secret],
  ['ConfigMap', RESOURCES.configMap],
  ['Lease', RESOURCES.lease],
  ['pod', RESOURCES.pod],
])('a namespace that a move made stays where somebody keeps a %s of his own in it', async (_kind, resource) => {
  const { namespace, left } = await afterFailure([[resource, 'mine']]);
  expect(namespace).toBeDefined();
  expect(left).toHaveLength(1);
});

it('a namespace that a move made goes with what every namespace has', async () => {
  const { namespace } = await afterFailure([[RESOURCES.configMap, 'kube-root-ca.crt']]);
  expect(namespace).toBeUndefined();
});

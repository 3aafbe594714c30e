import { describe, expect, it } from 'vitest';
import { isMigrateError } from '../../../src/domain/errors.ts';
import type { Finding } from '../../../src/domain/finding.ts';
import type { MigrationRequest } from '../../../src/domain/plan.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { namespace, runningPod } from '../../fixtures/objects.ts';
import { type Clusters, plan, twoClusters } from '../../fixtures/two-clusters.ts';

async function refused(clusters: Clusters, parts: Partial<MigrationRequest> = {}): Promise<readonly Finding[]> {
  const error: unknown = await plan(clusters, parts).catch((thrown: unknown) => thrown);
  if (!isMigrateError(error)) throw new Error('the planner let it through');
  return error.findings;
}

describe('a missing dependency', () => {
  it('is told with the command that copies it from the real source', async () => {
    const pod = runningPod({ spec: { volumes: [{ name: 'a', configMap: { name: 'settings' } }] } });
    const clusters = twoClusters({ pod });
    clusters.west.seed(RESOURCES.namespace, namespace('other'));
    const [found] = await refused(clusters, { targetNamespace: 'other' });
    expect(found).toMatchObject({
      code: 'E110',
      remedy: expect.stringMatching(
        /kubectl --context east -n shop get configmap settings -o yaml \| sed .* \| kubectl --context west -n other create -f -/,
      ),
    });
  });
});

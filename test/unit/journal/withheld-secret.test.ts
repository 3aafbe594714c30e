import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/domain/json.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import { hasWithheld, withhold } from '../../../src/domain/withheld.ts';
import { dropWithheld, keepWithheld, withWithheld } from '../../../src/journal/withheld-secret.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import type { FakeCluster } from '../../fakes/fake-cluster.ts';
import { namespace, runningPod } from '../../fixtures/objects.ts';
import { gatewayFor, plan, twoClusters } from '../../fixtures/two-clusters.ts';

const { signal } = new AbortController();

/** A migration whose record withholds a value, which both clusters keep. */
async function kept() {
  const env = [{ name: 'PASSWORD', value: 'correct horse' }];
  const clusters = twoClusters({ pod: runningPod({ container: { env } }) });
  for (const cluster of [clusters.east, clusters.west]) cluster.seed(RESOURCES.namespace, namespace('kubectl-migrate'));
  const made = await plan(clusters);
  const keeping = { plan: made, gateway: gatewayFor(clusters, made) };
  await keepWithheld(keeping, signal);
  const recorded = withhold(made as unknown as Json).content as unknown as Plan;
  const told: string[] = [];
  return { clusters, made, keeping, recorded, told, how: { signal, untold: (side: string) => void told.push(side) } };
}

const fails = (cluster: FakeCluster, code: number) =>
  cluster.faults.add({ when: ({ path }) => path.includes('/secrets/'), fault: { kind: 'status', code }, times: 100 });
const secrets = (cluster: FakeCluster) => cluster.all(RESOURCES.secret, 'kubectl-migrate').length;

describe('what a record withholds', () => {
  it('is in both clusters, and makes the plan whole again from either', async () => {
    const { clusters, made, recorded, told, how } = await kept();
    expect([secrets(clusters.east), secrets(clusters.west)]).toEqual([1, 1]);
    expect(hasWithheld(recorded)).toBe(true);
    expect(await withWithheld(recorded, clusters.readers, how)).toEqual(JSON.parse(JSON.stringify(made)));
    expect(told).toEqual([]);
    fails(clusters.east, 403);
    expect(hasWithheld(await withWithheld(recorded, clusters.readers, how))).toBe(false);
    expect(told).toEqual(['source']);
  });

  it('stays withheld where no cluster says it, and then nothing is made of it', async () => {
    const { clusters, keeping, recorded, told, how } = await kept();
    for (const cluster of [clusters.east, clusters.west]) fails(cluster, 403);
    const plan = await withWithheld(recorded, clusters.readers, how);
    expect(told).toEqual(['source', 'target']);
    const pod = { ...(plan.manifest as object), apiVersion: 'v1', kind: 'Pod' } as never;
    await expect(keeping.gateway.create('target', RESOURCES.pod, pod)).rejects.toMatchObject({ code: 'F350' });
  });

  it('goes where it can, and a cluster that cannot be asked is told', async () => {
    const { clusters, keeping, told, how } = await kept();
    clusters.west.faults.add({ when: () => true, fault: { kind: 'refused' }, times: 100 });
    await dropWithheld(keeping, how);
    expect([secrets(clusters.east), secrets(clusters.west)]).toEqual([0, 1]);
    expect(told).toEqual(['target']);
    clusters.west.faults.clear();
    await dropWithheld(keeping, how);
    await dropWithheld(keeping, how);
    expect(secrets(clusters.west)).toBe(0);
  });
});

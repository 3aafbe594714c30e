import { describe, expect, it } from 'vitest';
import { isMigrateError } from '../../../src/domain/errors.ts';
import type { Finding } from '../../../src/domain/finding.ts';
import type { MigrationRequest, Plan } from '../../../src/domain/plan.ts';
import type { Pod } from '../../../src/kube/objects.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import type { AccessMode, PersistentVolume, PersistentVolumeClaim } from '../../../src/kube/volume-objects.ts';
import type { FakeCluster } from '../../fakes/fake-cluster.ts';
import { runningPod } from '../../fixtures/objects.ts';
import { oneCluster } from '../../fixtures/one-cluster.ts';
import { type Clusters, plan, twoClusters } from '../../fixtures/two-clusters.ts';

const withClaim = runningPod({
  spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] },
  container: { volumeMounts: [{ name: 'data', mountPath: '/data' }] },
});
const nfs = (path: string) => ({ nfs: { server: 'filer', path } });

interface Storage {
  readonly mode?: AccessMode;
  readonly spec?: Partial<PersistentVolume['spec']>;
  readonly stated?: string;
  readonly phase?: string;
}

function store(
  cluster: FakeCluster,
  { mode = 'ReadWriteMany', spec = nfs('/a'), stated, phase = 'Bound' }: Storage = {},
) {
  const annotations = stated === undefined ? {} : { 'kubectl-migrate.io/shared-storage': stated };
  cluster.seed<PersistentVolume>(RESOURCES.persistentVolume, {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'pv-1', annotations },
    spec: { accessModes: [mode], ...spec },
  });
  cluster.seed<PersistentVolumeClaim>(RESOURCES.persistentVolumeClaim, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data', namespace: 'shop' },
    spec: { accessModes: [mode], volumeName: 'pv-1' },
    status: { phase },
  });
}

/** The plan, or the findings that it is declined with. */
async function judged(clusters: Clusters, parts: Partial<MigrationRequest> = {}) {
  try {
    return await plan(clusters, parts);
  } catch (error) {
    if (!isMigrateError(error)) throw error;
    return error.findings;
  }
}

function declinedWith(result: Plan | readonly Finding[]): string[] {
  if (!Array.isArray(result)) throw new Error('it was planned');
  return (result as readonly Finding[]).map(({ code, what, remedy }) => `${code} ${what}: ${remedy}`);
}

async function between(source: Storage, target: Storage | undefined) {
  const clusters = twoClusters({ pod: withClaim });
  store(clusters.east, source);
  if (target) store(clusters.west, target);
  return judged(clusters);
}

describe('between clusters a claim', () => {
  it.each<readonly [string, Storage, string]>([
    ['NFS server and path', { spec: nfs('/a') }, 'nfs filer:/a'],
    ['CSI driver and handle', { spec: { csi: { driver: 'd', volumeHandle: 'h' } } }, 'csi d h'],
    ['an annotation', { spec: { hostPath: { path: '/x' } }, stated: 'filer-1' }, 'storage filer-1'],
  ])('is used where it is when both volumes are the same by %s', async (_name, storage, sameBy) => {
    const made = (await between(storage, storage)) as Plan;
    expect(made.volumes).toEqual([
      {
        name: 'data',
        claim: 'data',
        bound: { source: 'pv-1', target: 'pv-1' },
        sameBy,
        mounting: 'shared',
        mounts: [{ container: 'app', mountPath: '/data' }],
      },
    ]);
    expect(made.warnings.map(({ code }) => code)).toEqual(['W220']);
    expect((made.manifest as unknown as Pod).spec.volumes).toContainEqual(withClaim.spec.volumes?.[0]);
  });

  it.each<readonly [string, Storage, Storage | undefined, RegExp]>([
    ['is missing there', {}, undefined, /^E170 persistentvolumeclaim shop\/data of west is missing.*nfs filer:\/a/],
    ['is not bound there', {}, { phase: 'Pending' }, /^E170 .*west is not bound/],
    ['has other storage', {}, { spec: nfs('/b') }, /^E171 .*pv-1 \(nfs filer:\/a\) in east and pv-1 \(nfs filer:\/b\)/],
    ['does not say what it is', { spec: { rbd: {} } }, { spec: { rbd: {} } }, /^E171 .*which does not say what it is/],
    [
      'is a directory of a node',
      { spec: { hostPath: { path: '/x' } } },
      { stated: 's' },
      /^E171 .*directory \/x.*annotate pv/,
    ],
    [
      'is for one node',
      { mode: 'ReadWriteOnce' },
      { mode: 'ReadWriteOnce' },
      /^E172 .*ReadWriteOnce, .*two nodes.*ReadWriteMany/,
    ],
    [
      'is for one pod',
      { mode: 'ReadWriteOncePod' },
      { mode: 'ReadWriteOncePod' },
      /^E172 claim data is ReadWriteOncePod/,
    ],
  ])('that %s is declined by name, with what would help', async (_name, source, target, words) => {
    const found = declinedWith(await between(source, target));
    expect(found).toEqual([expect.stringMatching(words)]);
  });

  it('decides which nodes fit by where its volume can be mounted', async () => {
    const required = { nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] }] };
    const found = declinedWith(await between({}, { spec: { ...nfs('/a'), nodeAffinity: { required } } }));
    expect(found.join()).toMatch(/E132 .*west-1 cannot mount volume pv-1 \(its node affinity\)/);
  });

  it('is not moved by the kubelet engine, whose source goes on writing', async () => {
    const clusters = twoClusters({ pod: withClaim });
    store(clusters.east);
    store(clusters.west);
    const found = declinedWith(await judged(clusters, { engine: 'kubelet', registry: 'registry.example/c' }));
    expect(found).toEqual([expect.stringMatching(/^E152 .*persistent volumes/)]);
  });
});

describe('within a cluster a volume for one node', () => {
  const once = async (pods: readonly Pod[] = [withClaim], parts: Partial<MigrationRequest> = {}) => {
    const [pod, ...others] = pods;
    const clusters = await oneCluster({ ...(pod && { pod }) });
    for (const other of others) clusters.east.seed(RESOURCES.pod, other);
    store(clusters.east, { mode: 'ReadWriteOnce', spec: { csi: { driver: 'd', volumeHandle: 'h' } } });
    return judged(clusters, { targetNode: 'east-2', ...parts });
  };

  it('changes hands when the pod keeps its name, and the plan says in which order', async () => {
    const made = (await once()) as Plan;
    expect(made.volumes).toMatchObject([{ mounting: 'handed-over', sameBy: 'the same volume' }]);
    const [deletion] = made.effects.filter(({ step, verb }) => step === 'switch' && verb === 'delete');
    expect(deletion?.detail).toContain('east-1 unmounts data before east-2 mounts it');
  });

  it('does not when the pod gets another name', async () => {
    const found = declinedWith(await once([withClaim], { targetName: 'cart-1' }));
    expect(found).toEqual([expect.stringMatching(/^E172 .*leave out --to-name/)]);
  });

  it('does not while other pods of the node have it', async () => {
    const found = declinedWith(
      await once([withClaim, { ...withClaim, metadata: { name: 'beside', namespace: 'shop' } }]),
    );
    expect(found).toEqual([expect.stringMatching(/^E172 claim data is used by other pods as well: beside/)]);
  });
});

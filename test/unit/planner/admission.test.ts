import { describe, expect, it } from 'vitest';
import { isMigrateError } from '../../../src/domain/errors.ts';
import { ApiFailure } from '../../../src/kube/api-client.ts';
import type { KubeObject, Pod } from '../../../src/kube/objects.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { plan, twoClusters } from '../../fixtures/two-clusters.ts';

function changing(change: (spec: Pod['spec'], metadata: Pod['metadata']) => void) {
  const clusters = twoClusters();
  clusters.west.admit = (object: KubeObject) => {
    const made = structuredClone(object) as Pod;
    if (made.kind === 'Pod') change(made.spec, made.metadata);
    return made;
  };
  return clusters;
}

function refusing(code: number, message: string) {
  return changing(() => {
    throw new ApiFailure({ kind: 'status', status: { code, reason: 'Forbidden', message } });
  });
}

describe('the target pod, asked about before it is made', () => {
  it('is shown field by field where admission changes it, without what is filled in for every pod', async () => {
    const made = await plan(
      changing((spec, metadata) => {
        const [container] = spec.containers;
        if (!container) throw new Error('there is a container');
        container.resources = { limits: { memory: '64Mi' } };
        container['terminationMessagePath'] = '/dev/termination-log';
        container.volumeMounts = [...(container.volumeMounts ?? []), { name: 'kube-api-access-1', mountPath: '/s' }];
        spec.containers.push({ name: 'mesh', image: 'mesh:1' });
        spec.volumes = [...(spec.volumes ?? []), { name: 'kube-api-access-1', projected: {} }];
        spec.tolerations = [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' }];
        spec['dnsPolicy'] = 'ClusterFirst';
        metadata.labels = { ...metadata.labels, mesh: 'on' };
      }),
    );
    expect(made.warnings.map(({ code, what }) => `${code} ${what}`)).toEqual([
      'W222 west changes the pod when it is made there: metadata.labels.mesh: (absent) -> on; spec.containers.app.resources: (absent) -> {"limits":{"memory":"64Mi"}}; spec.containers.mesh: (absent) -> {"image":"mesh:1"}',
    ]);
  });

  it.each([
    [403, 'pods "cart-0" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2'],
    [403, 'pods "cart-0" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'],
    [403, 'admission webhook "policy.example" denied the request: no such registry'],
  ])('is declined in the words of who refuses it: %s %s', async (code, message) => {
    const clusters = refusing(code, message);
    const error = await plan(clusters).catch((reason: unknown) => reason);
    if (!isMigrateError(error)) throw error;
    expect(error.findings).toMatchObject([{ code: 'E180', what: expect.stringContaining(message) }]);
    expect(clusters.west.all(RESOURCES.pod, 'shop')).toEqual([]);
  });

  it('is planned, and said to be unknown, where a webhook answers no dry run', async () => {
    const message = 'admission webhook "w" does not support dry run';
    const { warnings } = await plan(refusing(400, message));
    expect(warnings).toMatchObject([{ code: 'W222', what: expect.stringContaining(message) }]);
  });
});

import { describe, expect, it } from 'vitest';
import { DEFAULT_DEADLINES } from '../../../src/domain/plan.ts';
import { helperPod, helperPolicy, systemNamespace } from '../../../src/engines/helper/helper-pod.ts';
import { plan, twoClusters } from '../../fixtures/two-clusters.ts';

describe('a helper pod', () => {
  it('stands on its side’s node, has no credentials, and ends itself, and no other way, after all that may happen', async () => {
    const made = await plan(twoClusters());
    const all = Object.values(DEFAULT_DEADLINES).reduce((sum, ms) => sum + ms, 0) / 1000;
    for (const side of ['source', 'target'] as const) {
      const { metadata, spec } = helperPod(made, side);
      expect(metadata).toMatchObject({ namespace: 'kubectl-migrate', name: `helper-m-test-${side}` });
      expect(spec).toMatchObject({
        nodeName: made[side].node,
        automountServiceAccountToken: false,
        hostPID: true,
      });
      // Kubelet’s own would end it while it keeps a stopped source.
      expect(spec['activeDeadlineSeconds']).toBeUndefined();
      const command = (spec.containers[0]?.command ?? []).join(' ');
      expect(Number(/--deadline-ms (\d+)/.exec(command)?.[1]) / 1000).toBeGreaterThan(all);
      expect(spec.containers).toMatchObject([
        { image: 'registry.example/helper:1', securityContext: { privileged: true } },
      ]);
    }
  });

  it('comes back when it was killed, and has time to thaw its source when it is ended', async () => {
    const { spec } = helperPod(await plan(twoClusters()), 'source');
    expect(spec['restartPolicy']).toBe('OnFailure');
    expect(spec['terminationGracePeriodSeconds']).toBeGreaterThan(DEFAULT_DEADLINES.maxFreeze / 1000);
  });

  it('is let into its namespace, and has no network there', async () => {
    const { metadata } = systemNamespace('kubectl-migrate');
    expect(metadata.labels?.['pod-security.kubernetes.io/enforce']).toBe('privileged');
    const { labels } = helperPod(await plan(twoClusters()), 'source').metadata;
    const name = 'app.kubernetes.io/name';
    expect(helperPolicy('kubectl-migrate')).toMatchObject({
      metadata: { namespace: 'kubectl-migrate' },
      spec: { podSelector: { matchLabels: { [name]: labels?.[name] } }, policyTypes: ['Ingress', 'Egress'] },
    });
  });

  it('writes to its volumes only, fits on a full node, and fills no disk', async () => {
    const { spec } = helperPod(await plan(twoClusters()), 'target');
    expect(spec.containers).toMatchObject([
      {
        resources: { requests: { cpu: '0', memory: '0' }, limits: { 'ephemeral-storage': '256Mi' } },
        securityContext: { readOnlyRootFilesystem: true },
      },
    ]);
    const mounted = spec.containers[0]?.volumeMounts?.map(({ mountPath }) => mountPath);
    expect(mounted).toEqual(['/images', '/run']);
  });
});

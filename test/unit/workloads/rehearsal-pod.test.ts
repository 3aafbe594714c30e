import { describe, expect, it } from 'vitest';
import { rehearsalPod } from '../../../src/workloads/rehearsal-pod.ts';
import { runningPod } from '../../fixtures/objects.ts';

describe('the pod of a rehearsal', () => {
  it('has an empty volume, to which it may write, in the place of a persistent one', () => {
    const pod = rehearsalPod(
      runningPod({
        spec: {
          volumes: [
            { name: 'data', persistentVolumeClaim: { claimName: 'data', readOnly: true } },
            { name: 'conf', configMap: { name: 'conf' } },
          ],
        },
        container: {
          volumeMounts: [
            { name: 'data', mountPath: '/data', subPath: 'a', readOnly: true },
            { name: 'conf', mountPath: '/conf', readOnly: true },
          ],
        },
      }),
      'cart-0-rehearsal',
    );
    expect(pod.spec.volumes).toEqual([
      { name: 'data', emptyDir: {} },
      { name: 'conf', configMap: { name: 'conf' } },
    ]);
    expect(pod.spec.containers[0]?.volumeMounts).toEqual([
      { name: 'data', mountPath: '/data', subPath: 'a', readOnly: false },
      { name: 'conf', mountPath: '/conf', readOnly: true },
    ]);
  });
});

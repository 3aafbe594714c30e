import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../src/kube/objects.ts';
import { startFailure, startProgress } from '../../../src/kube/pod-status.ts';
import { runningPod } from '../../fixtures/objects.ts';

type Status = NonNullable<Pod['status']>;

function podWith(status: Status): Pod {
  return { ...runningPod(), status };
}

const waiting = (name: string, reason: string) => ({ name, state: { waiting: { reason, message: `${reason}!` } } });

describe('a pod that was just made', () => {
  it.each<readonly [string, Status]>([
    ['nothing is known of it', {}],
    ['it is being scheduled', { phase: 'Pending' }],
    ['its image is being pulled', { phase: 'Pending', containerStatuses: [waiting('app', 'ContainerCreating')] }],
    ['one pull has failed and will be repeated', { containerStatuses: [waiting('app', 'ErrImagePull')] }],
  ])('may still come up while %s', (_what, status) => {
    expect(startFailure(podWith(status))).toBeUndefined();
  });

  it.each<readonly [string, Status, string, string]>([
    ['its image', { containerStatuses: [waiting('app', 'ImagePullBackOff')] }, 'ImagePullBackOff', 'container app'],
    [
      'an init container',
      { initContainerStatuses: [waiting('install', 'CrashLoopBackOff')], containerStatuses: [waiting('app', 'Pod')] },
      'CrashLoopBackOff',
      'container install',
    ],
    [
      'its program',
      { containerStatuses: [{ name: 'app', state: { terminated: { exitCode: 1, reason: 'Error', message: 'no' } } }] },
      'Error',
      'no',
    ],
    ['its node', { phase: 'Failed', reason: 'OutOfmemory', message: 'Node has no room' }, 'OutOfmemory', 'no room'],
  ])('has failed because of %s, and it is said why', (_what, status, reason, message) => {
    expect(startFailure(podWith(status))).toEqual({ reason, message: expect.stringContaining(message) });
  });

  it('is waited for by what the scheduler, then kubelet says', () => {
    const unscheduled = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/2 nodes' };
    expect(startProgress(podWith({}))).toBe('not seen yet');
    expect(startProgress(podWith({ phase: 'Pending', conditions: [unscheduled] }))).toMatch(/not scheduled.*0\/2/);
    const pulling = [waiting('app', 'ContainerCreating')];
    expect(startProgress(podWith({ phase: 'Pending', containerStatuses: pulling }))).toBe('ContainerCreating');
  });
});

import { describe, expect, it } from 'vitest';
import { MIGRATION_ANNOTATION } from '../../../src/domain/names.ts';
import type { Pod } from '../../../src/kube/objects.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { placeholder } from '../../../src/steps/placeholder.ts';
import type { StepContext } from '../../../src/steps/step.ts';
import { move } from '../../fixtures/move.ts';
import { runningPod, service } from '../../fixtures/objects.ts';
import { type Clusters, contents, gatewayFor, plan, twoClusters } from '../../fixtures/two-clusters.ts';
import { inFakeTime } from '../../support/fake-time.ts';

function madeBy(migration: string): Pod {
  return runningPod({ metadata: { annotations: { [MIGRATION_ANNOTATION]: migration } } });
}

/** The plan is made before the pod is there: with it, it would be refused. */
async function revert(clusters: Clusters, pod?: Pod): Promise<string | undefined> {
  const made = await plan(clusters);
  const seeded = pod && clusters.west.seed(RESOURCES.pod, pod);
  const signal = new AbortController().signal;
  const context = {
    plan: made,
    ...clusters.readers,
    gateway: gatewayFor(clusters, made),
    signal,
    waiting: () => undefined,
    engine: { discard: async () => undefined },
  };
  await inFakeTime(async () => placeholder.revert?.(context as unknown as StepContext, null));
  return seeded?.metadata.uid;
}

function deletions({ west }: Clusters) {
  return west.calls.filter(({ method }) => method === 'DELETE');
}

describe('the way back of the placeholder', () => {
  it('removes the pod that this migration made, that one and no later one', async () => {
    const clusters = twoClusters();
    const uid = await revert(clusters, madeBy('m-test'));
    expect(clusters.west.peek(RESOURCES.pod, 'shop', 'cart-0')).toBeUndefined();
    expect(deletions(clusters)[0]?.body).toMatchObject({ preconditions: { uid } });
  });

  it.each([
    ['of another migration', madeBy('m-other')],
    ['of somebody', runningPod()],
  ])('leaves a pod %s alone', async (_name, pod) => {
    const clusters = twoClusters();
    await revert(clusters, pod);
    expect(clusters.west.peek(RESOURCES.pod, 'shop', 'cart-0')).toBeDefined();
    expect(deletions(clusters)).toEqual([]);
  });

  it('has nothing to do where there is no pod', async () => {
    const clusters = twoClusters();
    await revert(clusters);
    expect(deletions(clusters)).toEqual([]);
  });
});

describe('a second move of the same pod', () => {
  it('fails without harm to the first one’s pod', async () => {
    const clusters = twoClusters({ services: [service('cart')] });
    const was = contents(clusters.east);
    clusters.helpers.source.on = (op) => {
      if (op === 'probe') clusters.west.seed(RESOURCES.pod, madeBy('m-first'));
    };
    await expect(move(clusters)).rejects.toMatchObject({ code: 'F318', outcome: 'failed' });
    expect(clusters.west.peek(RESOURCES.pod, 'shop', 'cart-0')?.metadata.annotations).toEqual({
      [MIGRATION_ANNOTATION]: 'm-first',
    });
    expect(contents(clusters.east)).toEqual(was);
  });
});

import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../src/kube/objects.ts';
import type { Gateway } from '../../../src/kube/ports.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { takeLabels } from '../../../src/workloads/aside.ts';
import { runningPod } from '../../fixtures/objects.ts';
import { gatewayFor, plan, twoClusters } from '../../fixtures/two-clusters.ts';

const LABELS = { app: 'cart' };

/** Takes the labels of the source pod while something happens to it right before each of the first writes. */
async function whileChanging(...changes: readonly ((world: ReturnType<typeof twoClusters>) => void)[]) {
  const world = twoClusters({ pod: runningPod({ metadata: { labels: LABELS } }) });
  const made = await plan(world, { hold: 60_000 });
  const real = gatewayFor(world, made);
  const left = [...changes];
  const patch: Gateway['patch'] = (...args) => {
    left.shift()?.(world);
    return real.patch(...args);
  };
  const signal = new AbortController().signal;
  const context = { plan: made, ...world.readers, gateway: { ...real, patch }, signal, waiting: () => undefined };
  await takeLabels(context, LABELS);
  return world.east.peek<Pod>(RESOURCES.pod, 'shop', 'cart-0')?.metadata.labels ?? {};
}

describe('the labels of a held source', () => {
  it('go although its status is written to meanwhile', async () => {
    const kubelet = ({ east }: ReturnType<typeof twoClusters>) =>
      east.change<Pod>(RESOURCES.pod, 'shop', 'cart-0', ({ status }) => {
        if (status) status.message = 'still here';
      });
    expect(await whileChanging(kubelet, kubelet)).toEqual({});
  });

  it('stay with another pod of that name', async () => {
    const another = ({ east }: ReturnType<typeof twoClusters>) => {
      east.remove(RESOURCES.pod, 'shop', 'cart-0');
      east.seed(RESOURCES.pod, runningPod({ metadata: { labels: LABELS } }));
    };
    expect(await whileChanging(another)).toEqual(LABELS);
  });
});

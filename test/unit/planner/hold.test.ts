import { describe, expect, it } from 'vitest';
import type { PlannedWorkload } from '../../../src/domain/workload.ts';
import { checkHold } from '../../../src/planner/checks/hold.ts';
import { runningPod } from '../../fixtures/objects.ts';
import { plan, twoClusters } from '../../fixtures/two-clusters.ts';

const BARE: PlannedWorkload = { kind: 'bare-pod' };
const HOUR_MS = 3_600_000;

/** The pod of the fixtures with a liveness probe. */
function probed(livenessProbe: object) {
  const pod = runningPod();
  for (const container of pod.spec.containers) Object.assign(container, { livenessProbe });
  return pod;
}

describe('a hold', () => {
  it('is declined where the name has to be freed: what remains is the archive', () => {
    const [found, ...others] = checkHold(runningPod(), { kind: 'bare-name' }, HOUR_MS);
    expect(others).toEqual([]);
    expect(found).toMatchObject({ code: 'E148', severity: 'error', why: expect.stringContaining('has to be freed') });
  });

  it('is declined within a ReplicaSet’s namespace, which gives up one pod for the other', () => {
    const replica = { kind: 'replica' } as unknown as PlannedWorkload;
    expect(checkHold(runningPod(), replica, HOUR_MS)).toMatchObject([{ code: 'E148' }]);
  });

  it('is declined where the target writes to the very volume that the source has', () => {
    expect(checkHold(runningPod(), BARE, HOUR_MS, true)).toMatchObject([{ code: 'E148', field: 'spec.volumes' }]);
  });

  it('comes with a warning where a liveness probe ends it before its time', () => {
    const pod = probed({ periodSeconds: 5, failureThreshold: 4 });
    expect(checkHold(pod, BARE, HOUR_MS)).toMatchObject([{ code: 'W214', what: expect.stringContaining('20 s') }]);
    expect(checkHold(pod, BARE, 20_000)).toEqual([]);
  });

  it('that nobody asked for is no matter', () => {
    expect(checkHold(probed({}), { kind: 'bare-name' }, 0)).toEqual([]);
  });

  it('keeps the source pod until the end, and says what of it changes', async () => {
    const acts = async (hold?: number) => {
      const { effects } = await plan(twoClusters(), hold === undefined ? {} : { hold });
      const ofPod = effects.filter(({ object }) => object.side === 'source' && object.name === 'cart-0');
      return ofPod.map(({ step, verb }) => `${step} ${verb}`);
    };
    expect(await acts()).toEqual(['switch delete']);
    expect(await acts(HOUR_MS)).toEqual(['switch patch', 'finalize delete']);
  });
});

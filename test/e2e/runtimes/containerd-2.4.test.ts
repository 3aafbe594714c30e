import { describe, expect, it } from 'vitest';
import { byKubelet } from '../../support/by-kubelet.ts';
import { ask, expectSameProcess } from '../../support/counter.ts';
import { imageOf, pod } from '../../support/manifests.ts';
import { type Scenario, scenario } from '../../support/scenario.ts';

// On a lab whose node west-2 runs containerd 2.4, which takes no checkpoint as an image any more.

const TO_WEST = ['pod', 'c', '--context', 'east', '--to-context', 'west'];
const REASON = /node west-2 of west runs containerd 2\.4\.\d+, which no longer restores \(containerd #13871\)/;

async function counter({ lab, namespace, kubectl }: Scenario): Promise<void> {
  await kubectl.apply('east', [
    pod({ namespace, name: 'c', image: imageOf(lab, 'static'), node: 'east-2', port: 8080 }),
  ]);
  await kubectl.ready('east', namespace, 'c');
}

describe('a target node that restores no checkpoint', () => {
  it('is left out by the kubelet engine, which says why and moves to the other one', () =>
    scenario({ name: 'old-way', rights: ['east to west by kubelet'] }, async (scene) => {
      await counter(scene);
      const { kubectl, namespace, migrate } = scene;
      const before = await ask(kubectl, 'east', namespace, 'c');
      const planned = await migrate([...TO_WEST, ...byKubelet(scene), '--dry-run']);
      expect(planned.code).toBe(0);
      expect(planned.stdout).toMatch(
        /Engine: kubelet, registry transfer \(asked for with --engine; left out: node west-2/,
      );
      expect(planned.stdout).toMatch(REASON);
      const declined = await migrate([...TO_WEST, ...byKubelet(scene), '--to-node', 'west-2', '--yes']);
      expect(declined.code).toBe(5);
      expect(declined.stderr).toMatch(/E146/);
      expect(declined.stderr).toMatch(REASON);

      const ended = await migrate([...TO_WEST, ...byKubelet(scene), '--yes']);
      expect(ended.code).toBe(0);
      expect(ended.stdout).toContain('c serves from west/west-1');
      expectSameProcess(before, await ask(kubectl, 'west', namespace, 'c'));
    }));

  it('takes what the helper engine brings, which is what is chosen for it', () =>
    scenario('own-way', async (scene) => {
      await counter(scene);
      const { kubectl, namespace, migrate } = scene;
      const before = await ask(kubectl, 'east', namespace, 'c');
      const ended = await migrate([...TO_WEST, '--to-node', 'west-2', '--yes']);
      expect(ended.stderr).toMatch(/Engine: helper, relay transfer/);
      expect(ended.stdout).toContain('c serves from west/west-2');
      expectSameProcess(before, await ask(kubectl, 'west', namespace, 'c'));
    }));
});

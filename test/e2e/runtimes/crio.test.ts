import { describe, expect, it } from 'vitest';
import { byKubelet } from '../../support/by-kubelet.ts';
import { ask, type Counter, expectSameProcess } from '../../support/counter.ts';
import { imageOf, pod, WITHOUT_IO_URING } from '../../support/manifests.ts';
import { redisUnderWrites } from '../../support/redis.ts';
import { accountForWrites } from '../../support/redis-writes.ts';
import { scenario, THERE_AND_BACK } from '../../support/scenario.ts';

// On a lab whose node west-2 runs CRI-O, and all others containerd.

const THERE = ['--context', 'east', '--to-context', 'west', '--to-node', 'west-2', '--yes'];
const BACK = ['--context', 'west', '--to-context', 'east', '--to-node', 'east-2', '--yes'];

describe('between containerd and CRI-O', () => {
  it('a redis goes there and back while it is written to, and loses no acknowledged write', () =>
    scenario({ name: 'crio-redis', rights: THERE_AND_BACK }, async (scene) => {
      const { namespace, kubectl, migrate } = scene;
      const load = await redisUnderWrites(scene);
      for (const way of [THERE, BACK]) expect((await migrate(['pod', 'redis', ...way])).code).toBe(0);
      const account = await accountForWrites(kubectl, { context: 'east', namespace, pod: 'redis' }, await load.stop());
      expect(account).toMatchObject({ lost: [], twice: [] });
      expect(account.acknowledged).toBeGreaterThan(500);
    }));

  it.each(['static', 'python', 'go-server', 'node-counter'])(
    'a %s goes there and back from the same process',
    (image) =>
      scenario({ name: `crio-${image}`, rights: THERE_AND_BACK }, async ({ lab, namespace, kubectl, migrate }) => {
        const variant = image === 'node-counter' ? WITHOUT_IO_URING : {};
        await kubectl.apply('east', [
          pod({ namespace, name: 'c', image: imageOf(lab, image), node: 'east-2', port: 8080, ...variant }),
        ]);
        await kubectl.ready('east', namespace, 'c');
        const before = await ask<Counter>(kubectl, 'east', namespace, 'c');
        expect((await migrate(['pod', 'c', ...THERE])).code).toBe(0);
        const there = await ask<Counter>(kubectl, 'west', namespace, 'c');
        expectSameProcess(before, there);
        expect((await migrate(['pod', 'c', ...BACK])).code).toBe(0);
        expectSameProcess(there, await ask<Counter>(kubectl, 'east', namespace, 'c'));
      }),
  );

  it('a pod that began on CRI-O goes to containerd', () =>
    scenario({ name: 'crio-first', rights: THERE_AND_BACK }, async ({ lab, namespace, kubectl, migrate }) => {
      await kubectl.apply('west', [
        pod({ namespace, name: 'c', image: imageOf(lab, 'python'), node: 'west-2', port: 8080 }),
      ]);
      await kubectl.ready('west', namespace, 'c');
      const before = await ask<Counter>(kubectl, 'west', namespace, 'c');
      expect((await migrate(['pod', 'c', ...BACK])).code).toBe(0);
      expectSameProcess(before, await ask<Counter>(kubectl, 'east', namespace, 'c'));
    }));

  it('the kubelet engine declines either way, each with its reason, before anything is changed', () =>
    scenario({ name: 'crio-kubelet', rights: [...THERE_AND_BACK, 'east to west by kubelet'] }, async (scene) => {
      const { lab, namespace, kubectl, migrate, objects } = scene;
      const image = imageOf(lab, 'static');
      await kubectl.apply('east', [pod({ namespace, name: 'there', image, node: 'east-2', port: 8080 })]);
      await kubectl.apply('west', [pod({ namespace, name: 'back', image, node: 'west-2', port: 8080 })]);
      await kubectl.ready('east', namespace, 'there');
      await kubectl.ready('west', namespace, 'back');
      const were = await objects();
      const there = await migrate(['pod', 'there', ...THERE, ...byKubelet(scene)]);
      expect(there).toMatchObject({ code: 5, stderr: expect.stringMatching(/E147.*west-2.*cri-o 1\.34/) });
      const back = await migrate(['pod', 'back', ...BACK, ...byKubelet(scene)]);
      expect(back).toMatchObject({
        code: 5,
        stderr: expect.stringMatching(/E146.*east-2.*containerd 2\.1\.9, which does not restore what cri-o has taken/),
      });
      expect(await objects()).toEqual(were);
    }));
});

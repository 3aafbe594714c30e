import { describe, expect, it } from 'vitest';
import { archiveFolder, archivesOn, byKubelet, tagsOf } from '../support/by-kubelet.ts';
import { program, shows } from '../support/compatibility.ts';
import { ask, type Counter, expectSameProcess } from '../support/counter.ts';
import { labDescriptor } from '../support/criu-images.ts';
import { forgedArchive } from '../support/forged-archive.ts';
import { imageOf, pod, service, WITHOUT_IO_URING } from '../support/manifests.ts';
import { redisUnderWrites } from '../support/redis.ts';
import { accountForWrites } from '../support/redis-writes.ts';
import type { Right } from '../support/rights.ts';
import { inPieces, whenSaid } from '../support/said.ts';
import { type Scenario, scenario } from '../support/scenario.ts';

const BY_KUBELET: readonly Right[] = ['east to west by kubelet'];

/** The flags of a move east to west by kubelet and runtime. */
function movedByKubelet(scene: Scenario): string[] {
  return ['--context', 'east', '--to-context', 'west', ...byKubelet(scene), '--yes'];
}

describe('the kubelet engine', () => {
  it(
    'moves a redis that is written to, loses no acknowledged write, and leaves no archive anywhere',
    shows(program('redis', { engine: 'kubelet' })),
    () =>
      scenario({ name: 'kubelet-redis', rights: BY_KUBELET }, async (scene) => {
        const { namespace, kubectl, migrate } = scene;
        const load = await redisUnderWrites(scene);

        const ended = await migrate(['pod', 'redis', ...movedByKubelet(scene)]);
        expect(ended.code).toBe(0);
        const account = await accountForWrites(
          kubectl,
          { context: 'west', namespace, pod: 'redis' },
          await load.stop(),
        );
        expect(account.acknowledged).toBeGreaterThan(200);
        expect(account.lost).toEqual([]);
        expect(account.twice).toEqual([]);
        expect(ended.stderr).toMatch(/W210 .*unsealed/);
        expect(archivesOn(scene, 'east-2')).toEqual([]);
        expect(await tagsOf(scene)).toBeNull();
        await expect(kubectl.run('east', ['-n', namespace, 'get', 'pod', 'redis'])).rejects.toThrow(/not found/i);
      }),
  );

  it('interrupted while kubelet takes the checkpoint leaves the source as it was, and no archive anywhere', () =>
    scenario({ name: 'kubelet-interrupted', rights: BY_KUBELET }, async (scene) => {
      const { namespace, kubectl, migrate, leftOf, objects } = scene;
      const load = await redisUnderWrites(scene);
      const before = await objects();
      const isThere = () => archivesOn(scene, 'east-2').length > 0 || undefined;
      // The archive is there, and nobody has heard of it yet.
      const interrupted = whenSaid('freeze the source and take its image', async ({ child }) => {
        const seen = await inPieces(child, isThere);
        child.kill('SIGINT');
        return seen;
      });
      const ended = await migrate(['pod', 'redis', ...movedByKubelet(scene)], interrupted.options);
      expect(await interrupted.done()).toBe(true);
      expect(ended.code).toBe(130);
      expect(ended.stderr).toContain('everything is as it was: the source serves');
      expect(archivesOn(scene, 'east-2')).toEqual([]);
      expect(await tagsOf(scene)).toBeNull();
      expect(await leftOf(ended)).toEqual([]);
      expect(await objects()).toEqual(before);
      const account = await accountForWrites(kubectl, { context: 'east', namespace, pod: 'redis' }, await load.stop());
      expect(account).toMatchObject({ lost: [], twice: [] });
    }));

  it(
    'moves a Node.js program whose counter and clock go on, and which the helper engine moves back',
    shows(program('Node.js', { engine: 'kubelet' })),
    () =>
      scenario({ name: 'kubelet-node', rights: [...BY_KUBELET, 'west to east'] }, async (scene) => {
        const { lab, namespace, kubectl, migrate } = scene;
        const image = imageOf(lab, 'node-counter');
        await kubectl.apply('east', [
          pod({ namespace, name: 'c', image, node: 'east-2', port: 8080, ...WITHOUT_IO_URING }),
        ]);
        await kubectl.ready('east', namespace, 'c');
        const before = await ask(kubectl, 'east', namespace, 'c');
        expect((await migrate(['pod', 'c', ...movedByKubelet(scene)])).code).toBe(0);
        const after = await ask<Counter>(kubectl, 'west', namespace, 'c');
        expectSameProcess(before, after);
        expect((await migrate(['pod', 'c', '--context', 'west', '--to-context', 'east', '--yes'])).code).toBe(0);
        expectSameProcess(after, await ask<Counter>(kubectl, 'east', namespace, 'c'));
        const { spec } = await kubectl.json<{ spec: { containers: { image: string }[] } }>('east', [
          '-n',
          namespace,
          'pod',
          'c',
        ]);
        expect(spec.containers[0]?.image).toBe(image);
      }),
  );

  it(
    'declines an MPTCP listener before the freeze, with the remedy, and the program serves on',
    shows(program('Go (MPTCP listener)', { engine: 'kubelet', declined: 'E152' })),
    () =>
      scenario({ name: 'kubelet-go', rights: BY_KUBELET }, async (scene) => {
        const { lab, namespace, kubectl, migrate, objects } = scene;
        const image = imageOf(lab, 'go-server');
        await kubectl.apply('east', [pod({ namespace, name: 'go', image, node: 'east-2', port: 8080 })]);
        await kubectl.ready('east', namespace, 'go');
        const was = await objects();
        const before = await ask(kubectl, 'east', namespace, 'go');
        const ended = await migrate(['pod', 'go', ...movedByKubelet(scene)]);
        expect(ended.code).toBe(5);
        expect(ended.stderr).toMatch(/E152 .*MPTCP[\s\S]*GODEBUG=multipathtcp=0/);
        expectSameProcess(before, await ask<Counter>(kubectl, 'east', namespace, 'go'));
        expect(await objects()).toEqual(was);
      }),
  );

  it('restores nothing of an archive that somebody changed on the node to ask for more than the pod allows', () =>
    scenario({ name: 'kubelet-forged', rights: BY_KUBELET }, async (scene) => {
      const { lab, namespace, kubectl, migrate, leftOf } = scene;
      const securityContext = {
        ...{ runAsUser: 1234, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        seccompProfile: { type: 'RuntimeDefault' },
      };
      const image = imageOf(lab, 'node-counter');
      await kubectl.apply('east', [
        pod({ namespace, name: 'c', image, node: 'east-2', port: 8080, container: { securityContext } }),
      ]);
      await kubectl.ready('east', namespace, 'c');
      const before = await ask(kubectl, 'east', namespace, 'c');
      const descriptor = await labDescriptor();
      const place = {
        folder: archiveFolder(scene, 'east-2'),
        prefix: `checkpoint-c_${namespace}-`,
      };
      const forge = () =>
        forgedArchive(descriptor, place, ({ thread_core }) => {
          Object.assign(thread_core.creds, { cap_eff: [1 << 21, 0], euid: 0 });
          // Without the name of the thread there is room for the rest.
          Object.assign(thread_core, { seccomp_mode: 0, comm: '' });
        });
      // In pieces it can ask for the archive only after somebody has looked for it.
      const forging = whenSaid('freeze the source and take its image', ({ child }) => inPieces(child, forge));
      const ended = await migrate(['pod', 'c', ...movedByKubelet(scene)], forging.options);
      expect(await forging.done()).toBe(true);
      expect(ended.stderr).toMatch(/F347: [\s\S]*core-1\.img: capabilities SYS_ADMIN; core-1\.img: user 0/);
      expect(ended.code).toBe(1);
      await expect(kubectl.run('west', ['-n', namespace, 'get', 'pod', 'c'])).rejects.toThrow(/not found/i);
      expectSameProcess(before, await ask<Counter>(kubectl, 'east', namespace, 'c'));
      expect(await leftOf(ended)).toEqual([]);
      expect(archivesOn(scene, 'east-2')).toEqual([]);
      expect(await tagsOf(scene)).toBeNull();
    }));

  it('leads back when it is interrupted while the target restores: the source serves, the target pod is gone', () =>
    scenario({ name: 'kubelet-back', rights: BY_KUBELET }, async (scene) => {
      const { lab, namespace, kubectl, migrate, objects, leftOf } = scene;
      const image = imageOf(lab, 'node-counter');
      await kubectl.apply('east', [
        pod({ namespace, name: 'c', image, node: 'east-2', port: 8080, ...WITHOUT_IO_URING }),
        service(namespace, 'c', 8080),
      ]);
      await kubectl.ready('east', namespace, 'c');
      const was = await objects();
      const before = await ask(kubectl, 'east', namespace, 'c');
      const interrupted = whenSaid('restore it in the target', ({ child }) => child.kill('SIGINT'));
      const ended = await migrate(['pod', 'c', ...movedByKubelet(scene)], interrupted.options);
      expect(ended.code).toBe(130);
      expectSameProcess(before, await ask<Counter>(kubectl, 'east', namespace, 'c'));
      expect(await objects()).toEqual(was);
      expect(await leftOf(ended)).toEqual([]);
      expect(archivesOn(scene, 'east-2')).toEqual([]);
      expect(await tagsOf(scene)).toBeNull();
    }));
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CheckpointCheck } from '../../src/archive/checkpoint-archive.ts';
import { MANIFEST } from '../../src/archive/checkpoint-image.ts';
import type { Container, Pod, PodSpec } from '../../src/kube/objects.ts';
import { condition, containerStatus } from '../../src/kube/pod-status.ts';
import { checkpointManifest } from '../support/checkpoint-image.ts';
import { idle, KubeletHands, type KubeletWorld, PROBE } from './kubelet-stage.ts';
import { codeOf } from './workload-contract.ts';

const isReady = (pod: Pod): boolean => condition(pod, 'Ready').met;
const isRunning = (pod: Pod): boolean => pod.status?.phase === 'Running';

/** What the steps and the kubelet engine rely on of kubelets, schedulers and runtimes. */
export function kubeletContract(name: string, start: () => Promise<KubeletWorld>): void {
  describe(`kubelet: ${name}`, () => {
    let world: KubeletWorld;
    let hands: KubeletHands;
    let count = 0;
    beforeAll(async () => {
      world = await start();
      hands = new KubeletHands(world);
    });
    afterAll(() => world.close());

    /** A pod of a name of its own, on the first node unless its spec says otherwise. */
    const make = async (containers: Container[], spec: Partial<PodSpec> = { nodeName: world.nodes[0] }) => {
      count += 1;
      const pod = `pod-${count}`;
      await hands.make(pod, { containers, ...spec });
      return pod;
    };
    const remove = async (pod: string): Promise<void> => {
      await hands.remove(pod);
      await hands.gone(pod);
    };

    describe('a new pod', () => {
      it('runs on the node that it names, and is Ready where nothing is to be asked first', async () => {
        const pod = await make([idle(world.image, 'one'), idle(world.image, 'two')]);
        const { spec, status } = await hands.seen(pod, isReady);
        expect(spec.nodeName).toBe(world.nodes[0]);
        expect(status).toMatchObject({
          phase: 'Running',
          podIP: expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/),
          podIPs: [{ ip: status?.podIP }],
          conditions: expect.arrayContaining([expect.objectContaining({ type: 'PodScheduled', status: 'True' })]),
          containerStatuses: ['one', 'two'].map((container) => ({
            name: container,
            containerID: expect.stringMatching(/^containerd:\/\/[0-9a-f]{64}$/),
            imageID: world.image,
            restartCount: 0,
            ready: true,
            started: true,
            state: { running: {} },
          })),
        });
        const ids = status?.containerStatuses?.map(({ containerID }) => containerID);
        expect(new Set(ids).size).toBe(2);
        await remove(pod);
      });

      it('runs on the node that its affinity pins it to', async () => {
        const pinned = { matchFields: [{ key: 'metadata.name', operator: 'In', values: [world.nodes[1]] }] };
        const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [pinned] } };
        const pod = await make([idle(world.image)], { affinity: { nodeAffinity } });
        expect((await hands.seen(pod, isReady)).spec.nodeName).toBe(world.nodes[1]);
        await remove(pod);
      });

      it.each([
        ['startupProbe', false],
        ['readinessProbe', true],
      ])('runs and is not Ready before its %s succeeds', async (probe, started) => {
        const pod = await make([{ ...idle(world.image), [probe]: { ...PROBE, failureThreshold: 600 } }]);
        const before = await hands.seen(
          pod,
          (seen) => containerStatus(seen, 'main')?.started === started && isRunning(seen),
        );
        expect(isReady(before)).toBe(false);
        expect(containerStatus(before, 'main')).toMatchObject({
          state: { running: {} },
          ready: false,
          restartCount: 0,
        });
        await world.letSucceed(pod);
        const after = await hands.seen(pod, isReady);
        const { containerID } = containerStatus(before, 'main') ?? {};
        expect(containerStatus(after, 'main')).toMatchObject({
          containerID,
          started: true,
          ready: true,
          restartCount: 0,
        });
        await remove(pod);
      });

      it('waits for an image that is not there', async () => {
        const pod = await make([idle(`${world.repository}@sha256:${'0'.repeat(64)}`)]);
        const reasons = ['ErrImagePull', 'ImagePullBackOff'];
        const { status } = await hands.seen(pod, (seen) =>
          reasons.includes(containerStatus(seen, 'main')?.state?.waiting?.reason ?? ''),
        );
        expect(status).toMatchObject({
          phase: 'Pending',
          podIP: expect.stringMatching(/./),
          conditions: expect.arrayContaining([expect.objectContaining({ type: 'Ready', status: 'False' })]),
          containerStatuses: [{ imageID: '', restartCount: 0, ready: false, started: false }],
        });
        expect(status?.containerStatuses?.[0]?.containerID).toBeUndefined();
        expect(status?.containerStatuses?.[0]?.state?.waiting?.message).toContain('0'.repeat(64));
        await remove(pod);
      });
    });

    describe('a checkpoint', () => {
      const taken = async (): Promise<{ path: string; archive: Buffer }> => {
        const { counter, nodes } = world;
        const path = await hands.checkpoint(nodes[0], counter.pod, counter.container);
        return { path, archive: await world.archive(path) };
      };
      const counter = async () => {
        const pod = await hands.seen(world.counter.pod, isReady);
        return containerStatus(pod, world.counter.container);
      };

      it('is one archive in the folder of kubelet, and the container goes on', async () => {
        const before = await counter();
        const was = await world.count(world.counter.pod);
        const { path, archive } = await taken();
        const { pod, container } = world.counter;
        const file = `checkpoint-${pod}_${world.namespace}-${container}-\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(Z|[+-]\\d\\d:\\d\\d)`;
        expect(path).toMatch(new RegExp(`^/var/lib/kubelet/checkpoints/${file}\\.tar$`));
        const imageDigest = world.image.split('@')[1] ?? 'none';
        const imageNames = [before?.image ?? 'none'];
        const check = new CheckpointCheck({ bytes: archive.length, imageDigest, imageNames });
        check.write(archive);
        check.end();
        expect(await world.count(pod)).toBe(was + 1);
        expect(await counter()).toEqual(before);
      });

      it('is refused of what is not there', async () => {
        const { pod, container } = world.counter;
        const [here, other] = world.nodes;
        expect(await codeOf(hands.checkpoint(here, 'none', container))).toBe('F345');
        expect(await codeOf(hands.checkpoint(here, pod, 'none'))).toBe('F345');
        expect(await codeOf(hands.checkpoint(other, pod, container))).toBe('F345');
        expect(await codeOf(hands.checkpoint('none', pod, container))).toBe('F314');
      });

      it('as the image of a pod runs there with the count that it was taken at', async () => {
        const source = await counter();
        const at = await world.count(world.counter.pod);
        const { archive } = await taken();
        expect(await world.count(world.counter.pod)).toBe(at + 1);
        const { store, repository, image } = world;
        const { container } = world.counter;
        const layer = await store.upload(archive, archive.length);
        const digest = await store.putManifest('m', await checkpointManifest(store, layer, container), MANIFEST);
        const checkpoint = { name: container, image: `${repository}@${digest}` };
        const pod = await make([checkpoint], { nodeName: world.nodes[1] });
        const restored = containerStatus(await hands.seen(pod, isReady), container);
        expect(await world.count(pod)).toBe(at + 1);
        expect(restored).toMatchObject({ imageID: image, restartCount: 0, state: { running: {} } });
        expect(restored?.containerID).not.toBe(source?.containerID);
        expect(await counter()).toEqual(source);
        await remove(pod);
      });
    });
  });
}

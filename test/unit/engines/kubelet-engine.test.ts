import { describe, expect, it } from 'vitest';
import { MigrateError } from '../../../src/domain/errors.ts';
import type { HelperOp } from '../../../src/helper/protocol.ts';
import { ApiFailure, type ApiRequest } from '../../../src/kube/api-client.ts';
import type { Pod } from '../../../src/kube/objects.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import type { Message } from '../../../src/report/message.ts';
import { CONTAINER_FACTS, NODE_FACTS } from '../../fakes/fake-helper.ts';
import { takeCheckpoints } from '../../fakes/fake-kubelet.ts';
import {
  checkpointOf,
  clustersWithCheckpoints,
  core,
  FILTERS,
  MOUNTS,
  mountTable,
  moveByKubelet,
  namespaces,
  stuckAt,
} from '../../fixtures/kubelet-move.ts';
import { IMAGE_BY_DIGEST, node, runningPod } from '../../fixtures/objects.ts';
import { contents } from '../../fixtures/two-clusters.ts';

type World = ReturnType<typeof clustersWithCheckpoints>;

/** A process of user 1234 without capabilities, which cannot gain any; and that has a filter. */
const UNPRIVILEGED = {
  ...{ uid: 1234, euid: 1234, suid: 1234, fsuid: 1234, no_new_privs: 1 },
  ...{ cap_prm: [0, 0], cap_eff: [0, 0], cap_bnd: [0, 0] },
};
const FILTERED = { seccomp_mode: 2, seccomp_filter: 0 };

function everything({ east, west }: World) {
  return { east: contents(east), west: contents(west) };
}

/** Requests to either cluster and to the helper that matter to the order of things. */
function story(world: World): string[] {
  const told: string[] = [];
  world.helpers.source.on = (op) => told.push(op);
  takeCheckpoints(world.east, world.clock, () => told.push('checkpoint'));
  world.west.onChange((type, object) => {
    if (object.kind === 'Pod' && type !== 'MODIFIED') told.push(`${type} ${object.metadata.name}`);
  });
  return told;
}

describe('a move by the kubelet engine', () => {
  it('ends with the target serving from the checkpoint, and with no archive anywhere', async () => {
    const world = clustersWithCheckpoints();
    const { results, state } = await moveByKubelet(world);
    expect(state).toBe('done');
    expect(world.taken).toEqual([expect.stringContaining('/checkpoint-cart-0_shop-app-')]);
    expect(world.east.peek(RESOURCES.pod, 'shop', 'cart-0')).toBeUndefined();
    const pod = world.west.peek<Pod>(RESOURCES.pod, 'shop', 'cart-0');
    expect(pod?.spec.containers[0]).toMatchObject({
      image: expect.stringMatching(/^registry\.example\/checkpoints@sha256:[0-9a-f]{64}$/),
      imagePullPolicy: 'Always',
    });
    expect(results.verify).toEqual({ image: IMAGE_BY_DIGEST });
    expect(world.registry.manifests.size).toBe(0);
    expect(world.helpers.source.asked).toContain('remove-archive');
    expect(world.helpers.target.asked).toEqual(['probe-node']);
    expect(world.west.all(RESOURCES.pod, 'kubectl-migrate')).toEqual([]);
    expect(world.west.all(RESOURCES.pod, 'shop').map(({ metadata }) => metadata.name)).toEqual(['cart-0']);
  });

  it('cuts the source off before the checkpoint, stops it after, and seals it before the target can run', async () => {
    const world = clustersWithCheckpoints();
    const told = story(world);
    await moveByKubelet(world);
    const order = ['ADDED pull-m-test', 'DELETED pull-m-test', 'fence', 'checkpoint', 'halt', 'seal', 'ADDED cart-0'];
    expect(told.filter((what) => order.includes(what)).slice(0, order.length)).toEqual(order);
    expect(told.indexOf('release-connections')).toBeGreaterThan(told.indexOf('ADDED cart-0'));
    expect(told).not.toContain('thaw');
  });

  it('says what stays in a registry that removes nothing, before the checkpoint and at the end', async () => {
    const world = clustersWithCheckpoints();
    world.registry.deletes = false;
    const messages: Message[] = [];
    const { state } = await moveByKubelet(world, { onMessage: (message) => messages.push(message) });
    expect(state).toBe('done');
    const told = messages.filter(({ code, text }) => code === 'W421' && text.includes('registry.example/checkpoints'));
    expect(told.map(({ step }) => step)).toEqual(['placeholder', 'finalize']);
  });

  it('takes an archive whose connection ends with its stdin, as under the protocol before v5', async () => {
    const world = clustersWithCheckpoints();
    world.east.onExec(async ({ command }, io) => {
      const status = await world.helpers.source.run(command, io);
      if (command.includes('archive')) throw new Error('closed');
      return status;
    });
    expect((await moveByKubelet(world)).state).toBe('done');
  });

  it('leaves a pod that the helper engine moves on with its own image', async () => {
    const world = clustersWithCheckpoints();
    await moveByKubelet(world);
    const { plan } = await moveByKubelet(world, { back: true, request: { engine: 'helper' } });
    const home = world.east.peek<Pod>(RESOURCES.pod, 'shop', 'cart-0');
    expect(home?.spec.containers[0]?.image).toBe(IMAGE_BY_DIGEST);
    expect(plan.engine.name).toBe('helper');
  });
});

describe('the target’s node', () => {
  /** A target whose runtime restores only if it is configured to. */
  function configurable(restoresCheckpoints?: boolean): World {
    const world = clustersWithCheckpoints();
    for (const name of ['west-1', 'west-2']) {
      world.west.change(RESOURCES.node, undefined, name, (object) => {
        object['status'] = node(name, { runtime: 'containerd://2.2.7' }).status;
      });
    }
    const facts = { ...NODE_FACTS, ...(restoresCheckpoints !== undefined && { restoresCheckpoints }) };
    world.helpers.target.answers['probe-node'] = facts;
    return world;
  }

  async function declines(world: World, finding: object) {
    const was = everything(world);
    await expect(moveByKubelet(world)).rejects.toMatchObject({
      outcome: 'declined',
      findings: [expect.objectContaining(finding)],
    });
    expect(everything(world)).toEqual(was);
    expect(world.helpers.source.asked).not.toContain('fence');
  }

  it('that is configured to restore takes the pod', async () => {
    expect((await moveByKubelet(configurable(true))).state).toBe('done');
  });

  it.each([
    [false, /west-1 of west lacks enable_experimental_restore_via_create = true under \[plugins/],
    [undefined, /west-1 of west cannot be read: enable_experimental_restore_via_create/],
  ])('that is not configured to is declined before the source is touched: %s', async (configured, words) => {
    const remedy = expect.stringMatching(/configuration file.*--to-node.*--engine helper/);
    await declines(configurable(configured), { code: 'E146', what: expect.stringMatching(words), remedy });
  });

  it('with another processor is declined before the source is touched', async () => {
    const world = clustersWithCheckpoints();
    world.helpers.target.answers['probe-node'] = { ...NODE_FACTS, cpuFlags: ['sse2'] };
    await declines(world, { code: 'E131', what: expect.stringContaining('lacks avx') });
  });

  it('may have no CRIU of the helper’s, and no room for its images', async () => {
    const world = clustersWithCheckpoints();
    const criu = { version: '4', usable: false, problems: ['no ptrace'] };
    world.helpers.target.answers['probe-node'] = { ...NODE_FACTS, imagesFreeBytes: 0, criu };
    expect((await moveByKubelet(world)).state).toBe('done');
  });

  describe('where no helper comes up, is not asked', () => {
    const webhook = 'admission webhook "policy.example" denied the request: privileged';

    function refusing(world: World): World {
      world.west.admit = (object) => {
        if (!object.metadata.name.startsWith('helper-')) return object;
        throw new ApiFailure({ kind: 'status', status: { code: 403, reason: 'Forbidden', message: webhook } });
      };
      return world;
    }

    it.each([
      ['because a webhook is against it', () => refusing(clustersWithCheckpoints()), webhook],
      [
        'because its image cannot be pulled',
        () => clustersWithCheckpoints({ stuck: stuckAt(/^helper-.*-target$/, 'ErrImagePull') }),
        'ErrImagePull',
      ],
    ])('%s, which is told', async (_name, make, why) => {
      const world = make();
      const messages: Message[] = [];
      expect((await moveByKubelet(world, { onMessage: (message) => messages.push(message) })).state).toBe('done');
      const told = messages.filter(({ code, step }) => code === 'W421' && step === 'helpers');
      expect(told.map(({ text }) => text)).toEqual([expect.stringContaining(why)]);
      expect(world.west.all(RESOURCES.pod, 'kubectl-migrate')).toEqual([]);
    });

    it('and is declined where the restore depends on its configuration', async () => {
      const what = expect.stringContaining('cannot be read');
      await declines(refusing(configurable(true)), { code: 'E146', what });
    });
  });

  it('is not asked by who may make no helper pod there', async () => {
    const world = clustersWithCheckpoints();
    world.west.deny.push({ verb: 'create', group: '', resource: 'pods', namespace: 'kubectl-migrate' });
    expect((await moveByKubelet(world)).state).toBe('done');
    expect(world.helpers.target.asked).toEqual([]);
  });
});

describe('a move by the kubelet engine that fails before the commit', () => {
  const failing: readonly HelperOp[] = ['probe', 'fence', 'halt', 'seal', 'reach'];

  it.each(failing)('in the helper’s %s leaves both clusters as they were, and no archive', async (op) => {
    const world = clustersWithCheckpoints();
    const was = everything(world);
    world.helpers.source.fail.set(op, { code: 'tool-failed', summary: 'made to fail', detail: '' });
    await expect(moveByKubelet(world)).rejects.toMatchObject({ code: 'F332', outcome: 'failed' });
    expect(everything(world)).toEqual(was);
    expect(world.registry.manifests.size).toBe(0);
    const { asked } = world.helpers.source;
    expect(asked.includes('thaw')).toBe(asked.includes('fence'));
    expect(asked.includes('remove-archive')).toBe(world.taken.length > 0);
  });

  it('because kubelet does not answer says what it may leave on its node', async () => {
    const world = clustersWithCheckpoints();
    const was = everything(world);
    world.east.faults.add({ when: ({ path }) => path.includes('/proxy/checkpoint/'), fault: { kind: 'silence' } });
    const messages: Message[] = [];
    const onMessage = (message: Message) => void messages.push(message);
    await expect(moveByKubelet(world, { onMessage })).rejects.toMatchObject({ code: 'F311', outcome: 'failed' });
    expect(everything(world)).toEqual(was);
    const told = messages.filter(
      ({ code, text }) => code === 'W421' && text.includes('checkpoint-cart-0_shop-app-*.tar'),
    );
    expect(told).toHaveLength(1);
  });

  it('while kubelet is still taking the checkpoint waits for it, and takes it away', async () => {
    const world = clustersWithCheckpoints();
    const was = everything(world);
    const interrupt = new AbortController();
    const reason = new MigrateError('F306', { detail: 'Ctrl-C', remedy: 'again', outcome: 'interrupted' });
    const when = ({ path }: ApiRequest) => {
      const isMeant = path.includes('/proxy/checkpoint/');
      if (isMeant) interrupt.abort(reason);
      return isMeant;
    };
    world.east.faults.add({ when, fault: { kind: 'slow', ms: 5000 } });
    const messages: Message[] = [];
    const onMessage = (message: Message) => void messages.push(message);
    const moved = moveByKubelet(world, { interrupt: interrupt.signal, onMessage });
    await expect(moved).rejects.toMatchObject({ code: 'F306' });
    expect(everything(world)).toEqual(was);
    expect(world.taken).toHaveLength(1);
    expect(world.helpers.source.asked).toContain('remove-archive');
    const waits = messages.filter(({ code, text }) => code === 'I406' && text.includes('still taking the checkpoint'));
    expect(waits).toHaveLength(1);
  });

  it.each([
    ['checkpointing of shop/cart-0/app failed (criu failed: type DUMP)', 500, /--engine helper/],
    ['404 page not found', 404, /ContainerCheckpoint/],
    ['Forbidden (user=kube-apiserver-kubelet-client, verb=create, resource=nodes)', 403, /nodes\/checkpoint/],
  ])('because kubelet says %j tells it as F345', async (message, code, remedy) => {
    const world = clustersWithCheckpoints();
    const was = everything(world);
    world.east.onProxy(() => {
      throw new ApiFailure({ kind: 'status', status: { code, reason: '', message, proxied: true } });
    });
    const failed = { code: 'F345', detail: expect.stringContaining(message), remedy: expect.stringMatching(remedy) };
    const messages: Message[] = [];
    await expect(moveByKubelet(world, { onMessage: (each) => void messages.push(each) })).rejects.toMatchObject(failed);
    expect(everything(world)).toEqual(was);
    expect(messages.filter(({ code, text }) => code === 'W421' && text.includes('checkpoint'))).toEqual([]);
  });

  it.each<[string, (world: World) => void, string]>([
    ['was taken of another image', (world) => setArchive(world, checkpointOf(`evil@sha256:${'b'.repeat(64)}`)), 'F347'],
    ['was cut off', (world) => setArchive(world, checkpointOf().subarray(0, 1024)), 'F347'],
    ['is shorter than the node said', (world) => claim(world, checkpointOf().length + 512), 'F320'],
    ['is longer than the node said', (world) => claim(world, 512), 'F347'],
    ['finds no room in the registry', (world) => refuse(world, 'F384'), 'F384'],
  ])('because the archive %s leads back', async (_name, spoil, code) => {
    const world = clustersWithCheckpoints();
    const was = everything(world);
    spoil(world);
    await expect(moveByKubelet(world)).rejects.toMatchObject({ code, outcome: 'failed' });
    expect(everything(world)).toEqual(was);
    expect(world.registry.manifests.size).toBe(0);
    expect(world.helpers.source.asked).toContain('remove-archive');
    expect(world.helpers.source.asked).toContain('thaw');
  });

  it.each<[string, Readonly<Record<string, Buffer>>, RegExp]>([
    ['another user', { 'core-1.img': core({ euid: 0 }) }, /core-1\.img: user 0/],
    ['a capability', { 'core-1.img': core({ ...UNPRIVILEGED, cap_eff: [1 << 21, 0] }) }, /capabilities SYS_ADMIN/],
    ['no seccomp', { 'core-1.img': core(UNPRIVILEGED) }, /without a seccomp filter/],
    ['new privileges', { 'core-1.img': core({ ...UNPRIVILEGED, no_new_privs: 0 }, FILTERED) }, /new privileges/],
    [
      'a file system of the node',
      { 'mountpoints-13.img': mountTable(...MOUNTS, { ...MOUNTS[3], mnt_id: 5, mountpoint: '/host' }) },
      /a mount of its own at \/host/,
    ],
    ['a user namespace', { 'ids-1.img': namespaces({ user_ns_id: 8 }) }, /a user namespace of its own/],
    ['what cannot be read', { 'core-1.img': Buffer.from('anything at all') }, /core-1\.img cannot be read/],
  ])(
    'because the processes in the archive ask for %s leads back, and nothing is in the registry',
    async (_name, images, why) => {
      const securityContext = {
        ...{ runAsUser: 1234, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        seccompProfile: { type: 'RuntimeDefault' },
      };
      const world = clustersWithCheckpoints({ pod: runningPod({ container: { securityContext } }) });
      const was = everything(world);
      const good = { 'core-1.img': core(UNPRIVILEGED, FILTERED), 'seccomp.img': FILTERS };
      setArchive(world, checkpointOf(IMAGE_BY_DIGEST, { ...good, ...images }));
      const detail = expect.stringMatching(why);
      await expect(moveByKubelet(world)).rejects.toMatchObject({ code: 'F347', detail, outcome: 'failed' });
      expect(everything(world)).toEqual(was);
      expect(world.registry.manifests.size).toBe(0);
      expect(world.helpers.source.asked).toContain('thaw');
      setArchive(world, checkpointOf(IMAGE_BY_DIGEST, good));
      expect((await moveByKubelet(world)).state).toBe('done');
    },
  );

  it('because the target node cannot pull is told before the source is touched, as F387', async () => {
    const world = clustersWithCheckpoints({ stuck: stuckAt(/^pull-/, 'ErrImagePull') });
    const was = everything(world);
    await expect(moveByKubelet(world)).rejects.toMatchObject({ code: 'F387', remedy: /imagePullSecrets/ });
    expect(everything(world)).toEqual(was);
    expect(world.helpers.source.asked).not.toContain('fence');
  });

  it('because the runtime does not restore is told as F346, and the target pod is gone before the source goes on', async () => {
    const world = clustersWithCheckpoints({ stuck: stuckAt(/^cart-/, 'CreateContainerError') });
    const was = everything(world);
    const told = story(world);
    await expect(moveByKubelet(world)).rejects.toMatchObject({ code: 'F346', detail: /criu failed/ });
    expect(everything(world)).toEqual(was);
    expect(told.indexOf('thaw')).toBeGreaterThan(told.indexOf('DELETED cart-0'));
  });

  it('because the runtime started the image afresh is told as F346', async () => {
    const world = clustersWithCheckpoints({ pull: (image) => image });
    const was = everything(world);
    await expect(moveByKubelet(world)).rejects.toMatchObject({ code: 'F346', detail: /is not the restored one/ });
    expect(everything(world)).toEqual(was);
  });

  it('leaves the source stopped when nobody knows whether the target still runs', async () => {
    const world = clustersWithCheckpoints({ pull: (image) => image });
    world.west.faults.add({
      when: ({ method, path }) => method === 'DELETE' && path.endsWith('/pods/cart-0'),
      fault: { kind: 'status', code: 403 },
      times: 100,
    });
    await expect(moveByKubelet(world)).rejects.toMatchObject({ code: 'F390', outcome: 'rollbackIncomplete' });
    expect(world.helpers.source.asked).not.toContain('thaw');
  });
});

describe('what the runtime’s checkpoint cannot carry', () => {
  const socket = { local: '[::]:8080', remote: '' } as const;
  it.each([
    ['MPTCP', { sockets: [{ ...socket, protocol: 'mptcp', kind: 'listening' }] }, /GODEBUG=multipathtcp=0/],
    ['connections inside', { sockets: [{ ...socket, protocol: 'tcp', kind: 'inside' }] }, /--engine helper/],
    ['/dev/shm', { volumes: [{ name: 'kubectl-migrate-shm', size: { bytes: 9, files: 1 } }] }, /--engine helper/],
    ['an emptyDir', { volumes: [{ name: 'data', size: { bytes: 9, files: 1 } }] }, /--engine helper/],
    ['a placeholder', { restored: true }, /--engine helper/],
  ] as const)('%s is declined before the source is touched', async (_name, facts, remedy) => {
    const world = clustersWithCheckpoints();
    const was = everything(world);
    const container = { ...CONTAINER_FACTS, ...facts } as typeof CONTAINER_FACTS;
    world.helpers.source.answers.probe = { node: NODE_FACTS, containers: [container] };
    await expect(moveByKubelet(world)).rejects.toMatchObject({
      outcome: 'declined',
      findings: [expect.objectContaining({ code: 'E152', remedy: expect.stringMatching(remedy) })],
    });
    expect(everything(world)).toEqual(was);
    expect(world.helpers.source.asked).not.toContain('fence');
  });
});

function setArchive({ helpers }: World, archive: Buffer): void {
  helpers.source.archive = archive;
}

function claim({ helpers }: World, bytes: number): void {
  helpers.source.answers.halt = { bytes };
}

function refuse({ registry }: World, code: 'F384'): void {
  const error = new MigrateError(code, { detail: 'made to fail', remedy: 'make room' });
  registry.failing = { from: 2000, error };
}

import { describe, expect, it } from 'vitest';
import type { Effect } from '../../../src/domain/effect.ts';
import { MigrateError } from '../../../src/domain/errors.ts';
import { createGateway } from '../../../src/kube/gateway.ts';
import type { ConfigMap } from '../../../src/kube/objects.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { FakeClock, settle } from '../../fakes/fake-clock.ts';
import { FakeCluster } from '../../fakes/fake-cluster.ts';
import type { Fault } from '../../fakes/fake-faults.ts';
import { node as newNode } from '../../fixtures/objects.ts';
import { inFakeTime } from '../../support/fake-time.ts';

const object = { side: 'source', apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'cm' } as const;
const node = { side: 'source', apiVersion: 'v1', kind: 'Node', name: 'n' } as const;
const effects: Effect[] = [
  { step: 's', phase: 'prepare', verb: 'create', object, detail: '' },
  { step: 's', phase: 'prepare', verb: 'apply', object, detail: '' },
  { step: 's', phase: 'prepare', verb: 'delete', object, detail: '' },
  { step: 's', phase: 'prepare', verb: 'checkpoint', object: node, detail: '' },
];
const configMap: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'cm', namespace: 'default' } };
const reason = new MigrateError('F306', { detail: 'SIGINT received', remedy: 'again', outcome: 'interrupted' });

/** A gateway to a server that takes so long, in ms, for the first thing that it is asked to do. */
function slowly(ms: number, more: { readonly serverDryRun?: boolean } = {}) {
  const clock = new FakeClock({ auto: true });
  const cluster = new FakeCluster({ clock });
  cluster.faults.add({ when: () => true, fault: { kind: 'slow', ms } });
  const api = cluster.client('source', 'east');
  const gateway = createGateway({ source: api, target: api, effects, clock, ...more });
  const interrupt = new AbortController();
  const { signal } = interrupt;
  const is = () => cluster.peek(RESOURCES.configMap, 'default', 'cm') !== undefined;
  const create = () => gateway.create('source', RESOURCES.configMap, configMap, { signal });
  const apply = () => gateway.apply('source', RESOURCES.configMap, configMap, { signal });
  const remove = (uid?: string) =>
    gateway.delete({ ...object, resource: RESOURCES.configMap }, { signal, ...(uid !== undefined && { uid }) });
  const end = async () => {
    await settle();
    interrupt.abort(reason);
  };
  return { cluster, gateway, is, signal, create, apply, remove, end };
}

describe('a write that is told to end', () => {
  it('ends at once, and what the server makes of it has landed when that is said', async () => {
    const { gateway, is, create, end } = slowly(2000);
    const states = await inFakeTime(async () => {
      const ended = create().catch((error: unknown) => error);
      await end();
      const [thrown, before] = [await ended, is()];
      return { thrown, before, unanswered: await gateway.landed(), after: is() };
    });
    expect(states).toEqual({ thrown: reason, before: false, unanswered: [], after: true });
  });

  it('is named when there is no answer for some seconds', async () => {
    const { gateway, create, end } = slowly(60_000);
    const unanswered = await inFakeTime(async () => {
      create().catch(() => undefined);
      await end();
      return gateway.landed();
    });
    const detail = 'https://east.fake (context east) was told to create configmap default/cm and did not say in time';
    expect(unanswered).toMatchObject([{ object, error: { code: 'F311', detail: expect.stringContaining(detail) } }]);
  });

  it('is not sent when it had not been', async () => {
    const { cluster, gateway, create, end } = slowly(0);
    await end();
    await expect(create()).rejects.toBe(reason);
    expect(cluster.calls).toEqual([]);
    expect(await gateway.landed()).toEqual([]);
  });

  it('is waited for by nobody where the server keeps nothing of it', async () => {
    const { gateway, create, end } = slowly(60_000, { serverDryRun: true });
    const ended = expect(create()).rejects.toBe(reason);
    await end();
    await ended;
    expect(await gateway.landed()).toEqual([]);
  });
});

describe('a write without an answer', () => {
  const objects = async ({ gateway }: ReturnType<typeof slowly>) =>
    (await gateway.landed()).map((each) => `${each.object.kind} ${each.object.name}`);

  /** A server that meets its first request with this. */
  function faulty(fault: Fault) {
    const world = slowly(0);
    world.cluster.faults.clear();
    world.cluster.faults.add({ when: () => true, fault });
    return world;
  }

  it.each<Fault>([{ kind: 'silence' }, { kind: 'status', code: 504 }, { kind: 'status', code: 408 }])(
    'may still be carried out: %o',
    async (fault) => {
      const world = faulty(fault);
      await expect(world.create()).rejects.toMatchObject({ code: 'F311' });
      expect(await objects(world)).toEqual(['ConfigMap cm']);
    },
  );

  it.each<Fault>([{ kind: 'refused' }, { kind: 'status', code: 403 }, { kind: 'answer-lost' }])(
    'is none where it was answered, was never sent, or its connection broke: %o',
    async (fault) => {
      const world = faulty(fault);
      await world.create().catch(() => undefined);
      expect(await objects(world)).toEqual([]);
    },
  );

  it('is a matter of the past once its object was found and deleted, and not when there was none', async () => {
    const world = faulty({ kind: 'silence' });
    await world.create().catch(() => undefined);
    await world.remove();
    expect(await objects(world)).toEqual(['ConfigMap cm']);
    await world.create();
    await world.remove();
    expect(await objects(world)).toEqual([]);
  });

  it('is a matter of the past once its object was seen, whatever becomes of the deletion', async () => {
    const world = faulty({ kind: 'silence' });
    await world.create().catch(() => undefined);
    world.cluster.faults.add({ when: () => true, fault: { kind: 'silence' } });
    await world.remove('some-uid').catch(() => undefined);
    expect(await objects(world)).toEqual([]);
  });

  it('is none where it was sent once more, and answered', async () => {
    const world = faulty({ kind: 'status', code: 504 });
    await world.apply();
    expect(world.cluster.calls).toHaveLength(2);
    expect(await objects(world)).toEqual([]);
  });

  it('leaves nothing behind where it is a deletion', async () => {
    const world = faulty({ kind: 'silence' });
    await expect(world.remove()).rejects.toMatchObject({ code: 'F311' });
    expect(await objects(world)).toEqual([]);
  });
});

it('nothing is under way where all has been answered, with yes or no', async () => {
  const { gateway, create } = slowly(0);
  await create();
  await expect(create()).rejects.toMatchObject({ code: 'F318' });
  expect(await gateway.landed()).toEqual([]);
});

describe('a checkpoint that is told to end', () => {
  const request = { node: 'n', namespace: 'default', pod: 'p', container: 'c', timeoutMs: 60_000 };

  it('goes on where kubelet was asked for it, and is for whoever asked', async () => {
    const { cluster, gateway, signal, end } = slowly(30_000);
    cluster.seed(RESOURCES.node, newNode('n'));
    cluster.onProxy(() => ({ items: ['/archive.tar'] }));
    const archive = inFakeTime(async () => {
      const taken = gateway.checkpoint('source', { ...request, signal });
      await end();
      expect(await gateway.landed()).toEqual([]);
      return taken;
    });
    expect(await archive).toBe('/archive.tar');
  });

  it('is not begun where kubelet was not', async () => {
    const { cluster, gateway, signal, end } = slowly(0);
    await end();
    await expect(gateway.checkpoint('source', { ...request, signal })).rejects.toBe(reason);
    expect(cluster.calls).toEqual([]);
  });
});

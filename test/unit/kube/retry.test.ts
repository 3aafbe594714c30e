import { describe, expect, it } from 'vitest';
import type { Effect } from '../../../src/domain/effect.ts';
import { failureCode, MigrateError } from '../../../src/domain/errors.ts';
import type { Side } from '../../../src/domain/refs.ts';
import { createReader } from '../../../src/kube/client.ts';
import { createGateway } from '../../../src/kube/gateway.ts';
import type { ConfigMap } from '../../../src/kube/objects.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { FakeCluster } from '../../fakes/fake-cluster.ts';
import type { Fault } from '../../fakes/fake-faults.ts';

const object = { side: 'source', apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'cm' } as const;
const ref = { ...object, resource: RESOURCES.configMap };
const effects = (['create', 'patch', 'delete'] as const).map(
  (verb): Effect => ({ step: 's', phase: 'prepare', verb, object, detail: '' }),
);

function setUp(fault?: Fault, times = 1) {
  const clock = new FakeClock({ auto: true });
  const cluster = new FakeCluster({ clock });
  const metadata = { name: 'cm', namespace: 'default' };
  cluster.seed<ConfigMap>(RESOURCES.configMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
  if (fault !== undefined) cluster.faults.add({ when: () => true, fault, times });
  const api = cluster.client('source');
  const options = { source: api, target: api, effects, clock };
  return { clock, cluster, reader: createReader(api, clock), gateway: createGateway(options), options };
}

const codeOf = async (act: Promise<unknown>): Promise<unknown> =>
  failureCode(await act.catch((error: unknown) => error));
const get = ({ reader }: ReturnType<typeof setUp>) => reader.get(RESOURCES.configMap, 'cm', { namespace: 'default' });

describe('reads', () => {
  it.each<Fault>([
    { kind: 'refused' },
    { kind: 'answer-lost' },
    { kind: 'status', code: 429 },
    { kind: 'status', code: 503 },
  ])('are repeated after $kind $code', async (fault) => {
    const world = setUp(fault, 3);
    expect(await get(world)).toMatchObject({ metadata: { name: 'cm' } });
    expect(world.cluster.calls).toHaveLength(4);
  });

  it('end with the last failure when the time is over', async () => {
    const world = setUp({ kind: 'refused' }, 1000);
    const start = world.clock.now();
    expect(await codeOf(get(world))).toBe('F310');
    expect(world.clock.now() - start).toBeLessThanOrEqual(10_000);
    expect(world.cluster.calls.length).toBeLessThan(20);
  });

  it.each<[Fault, string]>([
    [{ kind: 'status', code: 403 }, 'F313'],
    [{ kind: 'status', code: 422 }, 'F316'],
    [{ kind: 'silence' }, 'F311'],
  ])('are not repeated after %o', async (fault, code) => {
    const world = setUp(fault);
    expect(await codeOf(get(world))).toBe(code);
    expect(world.cluster.calls).toHaveLength(1);
  });

  it('pause as long as the server asks', async () => {
    const world = setUp({ kind: 'status', code: 429, retryAfterSeconds: 7 });
    const start = world.clock.now();
    await get(world);
    expect(world.clock.now() - start).toBe(7000);
  });
});

describe('writes', () => {
  const patch = ({ gateway }: ReturnType<typeof setUp>) => gateway.patch<ConfigMap>(ref, 'merge', { data: { x: '1' } });

  it.each<Fault>([{ kind: 'refused' }, { kind: 'status', code: 429 }])(
    'are repeated when they were certainly not performed: $kind',
    async (fault) => {
      expect(await patch(setUp(fault))).toMatchObject({ data: { x: '1' } });
    },
  );

  it.each<[Fault, string]>([
    [{ kind: 'answer-lost' }, 'F310'],
    [{ kind: 'silence' }, 'F311'],
    [{ kind: 'status', code: 500 }, 'F317'],
  ])('are not repeated when they may have been: %o', async (fault, code) => {
    const world = setUp(fault);
    expect(await codeOf(patch(world))).toBe(code);
    expect(world.cluster.calls).toHaveLength(1);
  });

  it('are repeated when they delete', async () => {
    const world = setUp({ kind: 'answer-lost' }, 2);
    await world.gateway.delete(ref);
    expect(world.cluster.peek(RESOURCES.configMap, 'default', 'cm')).toBeUndefined();
  });

  it('say whose they are', async () => {
    const world = setUp();
    await patch(world);
    expect(world.cluster.calls[0]?.query).toMatchObject({ fieldManager: 'kubectl-migrate' });
  });

  it('change nothing in a dry run of the server', async () => {
    const { cluster, options } = setUp();
    const gateway = createGateway({ ...options, serverDryRun: true });
    expect(await gateway.patch(ref, 'merge', { data: { x: '1' } })).toMatchObject({ data: { x: '1' } });
    await gateway.delete(ref);
    expect(cluster.peek<ConfigMap>(RESOURCES.configMap, 'default', 'cm')?.data).toBeUndefined();
    const request = { namespace: 'default', pod: 'p', container: 'c', command: ['true'] };
    expect(await codeOf(gateway.exec('source', request))).toBe('F399');
  });

  it('are only those that were declared, streams included', async () => {
    const world = setUp();
    const request = { namespace: 'default', pod: 'p', container: 'c', command: ['true'] };
    expect(await codeOf(world.gateway.exec('source', request))).toBe('F399');
    expect(await codeOf(world.gateway.patch({ ...ref, side: 'target' }, 'merge', {}))).toBe('F399');
    expect(world.cluster.calls).toEqual([]);
  });
});

describe('a write that has to be allowed', () => {
  it('is not sent when it is not, and fails with the reason', async () => {
    const world = setUp();
    const mayWrite = () => Promise.reject(new MigrateError('F371', { detail: 'somebody else', remedy: 'look' }));
    const gateway = createGateway({ ...world.options, mayWrite });
    for (const act of [() => gateway.patch(ref, 'merge', {}), () => gateway.delete(ref)])
      expect(await codeOf(act())).toBe('F371');
    expect(world.cluster.calls).toEqual([]);
  });

  it('asks again before it is sent again: this machine may have slept meanwhile', async () => {
    const world = setUp({ kind: 'refused' }, 1);
    let asked = 0;
    const mayWrite = async (side: Side) => {
      expect(side).toBe('source');
      asked += 1;
      if (asked > 1) throw new MigrateError('F371', { detail: 'somebody else', remedy: 'look' });
    };
    expect(await codeOf(createGateway({ ...world.options, mayWrite }).patch(ref, 'merge', {}))).toBe('F371');
    expect(world.cluster.calls).toHaveLength(1);
  });
});

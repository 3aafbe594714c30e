import { beforeEach, describe, expect, it } from 'vitest';
import { EXIT, type MigrateError } from '../../../src/domain/errors.ts';
import { LOCK_MS, SYSTEM_NAMESPACE } from '../../../src/domain/names.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import { leaseName, lockEffects } from '../../../src/journal/lease.ts';
import { dropLocks, expectUnlocked } from '../../../src/journal/lease-access.ts';
import { takeLock } from '../../../src/journal/lock.ts';
import type { LockOptions } from '../../../src/journal/lock-options.ts';
import { createReader } from '../../../src/kube/client.ts';
import { createGateway } from '../../../src/kube/gateway.ts';
import type { Lease } from '../../../src/kube/objects.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { FakeCluster } from '../../fakes/fake-cluster.ts';
import { namespace } from '../../fixtures/objects.ts';
import { inFakeTime } from '../../support/fake-time.ts';

const NAME = 'pod.shop.cart-0';
const never = new AbortController().signal;

let clock: FakeClock;
let east: FakeCluster;
let west: FakeCluster;
beforeEach(() => {
  clock = new FakeClock({ auto: true });
  [east, west] = [new FakeCluster({ clock }), new FakeCluster({ clock })];
  for (const cluster of [east, west]) cluster.seed(RESOURCES.namespace, namespace(SYSTEM_NAMESPACE));
});

function options(id: string, parts: Partial<LockOptions> = {}, oneCluster = false): LockOptions {
  const place = { namespace: 'shop', pod: 'cart-0' };
  const plan = { id, source: place, target: place, helper: { namespace: SYSTEM_NAMESPACE }, oneCluster } as Plan;
  const api = { source: east.client('source', 'east'), target: (oneCluster ? east : west).client('target', 'west') };
  return {
    plan,
    source: createReader(api.source, clock),
    target: createReader(api.target, clock),
    gateway: createGateway({ ...api, effects: lockEffects(plan), clock }),
    clock,
    worker: { operation: 'pod', user: 'ann', host: 'desk', version: '0.1.0' },
    process: `desk/${id}`,
    force: false,
    signal: never,
    ...parts,
  };
}

const leaseIn = (cluster: FakeCluster) => cluster.peek<Lease>(RESOURCES.lease, SYSTEM_NAMESPACE, NAME);
const thrown = (act: Promise<unknown>) => act.then(() => undefined as never).catch((error: MigrateError) => error);

describe('the lock of a pod', () => {
  it('is a Lease in both clusters that says who, where, since when, with what', async () => {
    await takeLock(options('m-one'));
    for (const cluster of [east, west]) {
      expect(leaseIn(cluster)).toMatchObject({
        metadata: {
          labels: { 'kubectl-migrate.io/migration': 'm-one', 'app.kubernetes.io/managed-by': 'kubectl-migrate' },
          annotations: {
            'kubectl-migrate.io/user': 'ann',
            'kubectl-migrate.io/host': 'desk',
            'kubectl-migrate.io/operation': 'pod',
            'kubectl-migrate.io/version': '0.1.0',
          },
        },
        spec: {
          holderIdentity: 'desk/m-one',
          leaseDurationSeconds: 10,
          acquireTime: expect.stringMatching(/\.\d{6}Z$/),
        },
      });
    }
  });

  it('is one where both places are the same name in one cluster', async () => {
    await takeLock(options('m-one', {}, true));
    expect(east.all(RESOURCES.lease)).toHaveLength(1);
    expect(west.all(RESOURCES.lease)).toEqual([]);
  });

  it('has a name that no other pod shares and that the API server takes', () => {
    expect(leaseName('a', 'b.c')).not.toBe(leaseName('a-b', 'c'));
    const long = 'x'.repeat(253);
    expect(leaseName('n', long).length).toBeLessThanOrEqual(253);
    expect(leaseName('n', long)).not.toBe(leaseName('n', `${long.slice(0, -1)}y`));
  });

  it('refuses a second migration, from any machine, and says who has it since when: exit 6', async () => {
    await takeLock(options('m-one'));
    const error = await thrown(takeLock(options('m-two', { process: 'lap/m-two' })));
    expect(error).toMatchObject({ code: 'F370', outcome: 'locked' });
    expect(EXIT[error.outcome]).toBe(6);
    for (const word of ['m-one', 'ann', 'desk', '2026-01-01T00:00:00', 'pod', '0.1.0', 'east'])
      expect(error.detail).toContain(word);
    expect(leaseIn(east)?.spec?.holderIdentity).toBe('desk/m-one');
  });

  it('held in the target alone refuses as well, and leaves nothing in the source', async () => {
    await takeLock(options('m-one'));
    east.remove(RESOURCES.lease, SYSTEM_NAMESPACE, NAME);
    expect(await thrown(takeLock(options('m-two')))).toMatchObject({ code: 'F370' });
    expect(leaseIn(east)).toBeUndefined();
  });

  it('is told before a plan is made', async () => {
    const asked = options('m-two');
    await expectUnlocked({ ...asked, now: clock.now() });
    await takeLock(options('m-one'));
    await expect(expectUnlocked({ ...asked, now: clock.now() })).rejects.toMatchObject({ code: 'F370' });
  });

  it('goes away at the end, in both clusters, and only once', async () => {
    const lock = await takeLock(options('m-one'));
    await lock.remove(never);
    await lock.remove(never);
    await lock.leave();
    expect([leaseIn(east), leaseIn(west)]).toEqual([undefined, undefined]);
  });
});

describe('a lock that another takes between the look at it and its removal', () => {
  /** A gateway whose deletions are late: somebody has forced the lock of the target from us by then. */
  const late = (given: LockOptions): LockOptions['gateway'] => ({
    ...given.gateway,
    delete: (ref, ...rest) => {
      if (ref.side === 'target')
        west.change<Lease>(RESOURCES.lease, SYSTEM_NAMESPACE, NAME, ({ metadata, spec }) => {
          metadata.labels = { ...metadata.labels, 'kubectl-migrate.io/migration': 'm-two' };
          if (spec) spec.holderIdentity = 'lap/m-two';
        });
      return given.gateway.delete(ref, ...rest);
    },
  });
  const isTheirs = () => expect(leaseIn(west)?.spec?.holderIdentity).toBe('lap/m-two');

  it('is the other’s when a migration has ended', async () => {
    const given = options('m-one');
    const lock = await takeLock({ ...given, gateway: late(given) });
    await lock.remove(never);
    expect(leaseIn(east)).toBeUndefined();
    isTheirs();
  });

  it('is the other’s when a migration is cleaned up', async () => {
    const given = options('m-one');
    await (await takeLock(given)).leave();
    await dropLocks({ ...given, gateway: late(given) });
    expect(leaseIn(east)).toBeUndefined();
    isTheirs();
  });
});

describe('the lock of a migration that stopped midway', () => {
  it('stays, names nobody, and is its own to take up at once', async () => {
    await (await takeLock(options('m-one'))).leave();
    expect(leaseIn(east)?.spec?.holderIdentity).toBeFalsy();
    const before = clock.now();
    const lock = await takeLock(options('m-one', { process: 'lap/2' }));
    expect(clock.now()).toBe(before);
    expect(lock.takenFrom).toMatchObject([{ migration: 'm-one' }, { migration: 'm-one' }]);
    expect(leaseIn(west)?.spec).toMatchObject({ holderIdentity: 'lap/2', leaseTransitions: 1 });
  });

  it('keeps others off, with the command that brings it to an end', async () => {
    await (await takeLock(options('m-one'))).leave();
    const error = await thrown(takeLock(options('m-two')));
    expect(error).toMatchObject({ code: 'F370', remedy: expect.stringContaining('resume m-one') });
    expect(error.detail).toContain('nobody is at work');
  });

  it('of a killed process is taken up after a look at whether it is alive', async () => {
    await takeLock(options('m-one'));
    const before = clock.now();
    const lock = await takeLock(options('m-one', { process: 'lap/2' }));
    expect(clock.now() - before).toBeGreaterThanOrEqual(9_000);
    expect(lock.takenFrom[0]).toMatchObject({ process: 'desk/m-one', user: 'ann' });
  });

  it('of a process that is alive is not: not even with --force-unlock', async () => {
    await takeLock(options('m-one'));
    for (const [id, force] of [
      ['m-one', false],
      ['m-two', true],
    ] as const) {
      const alive = {
        ...clock,
        now: () => clock.now(),
        random: () => 0,
        sleep: async (ms: number) => {
          await clock.sleep(ms);
          east.change<Lease>(RESOURCES.lease, SYSTEM_NAMESPACE, NAME, (lease) => {
            if (lease.spec) lease.spec.renewTime = new Date(clock.now()).toISOString();
          });
        },
      };
      expect(await thrown(takeLock(options(id, { process: 'lap/2', force, clock: alive })))).toMatchObject({
        code: 'F370',
      });
    }
  });

  it('of another migration is taken with --force-unlock once nobody is at work, which is told', async () => {
    await takeLock(options('m-one'));
    expect(await thrown(takeLock(options('m-two')))).toMatchObject({ code: 'F370' });
    const lock = await takeLock(options('m-two', { force: true }));
    expect(lock.takenFrom).toMatchObject([{ migration: 'm-one', user: 'ann', host: 'desk' }, { migration: 'm-one' }]);
    expect(leaseIn(east)?.metadata.labels?.['kubectl-migrate.io/migration']).toBe('m-two');
  });
});

describe('a lock that is taken by force', () => {
  /** A holder that goes on renewing its Lease in one of the clusters only. */
  const renewedIn = (cluster: FakeCluster, holder = 'desk/m-one'): LockOptions['clock'] => ({
    now: () => clock.now(),
    random: () => 0,
    sleep: async (ms, signal) => {
      await clock.sleep(ms, signal);
      cluster.change<Lease>(RESOURCES.lease, SYSTEM_NAMESPACE, NAME, ({ spec }) => {
        if (spec?.holderIdentity === holder) spec.renewTime = new Date(clock.now()).toISOString();
      });
    },
  });
  const untouched = (lease: Lease | undefined) => ({
    ...lease,
    metadata: { ...lease?.metadata, resourceVersion: '' },
    spec: { ...lease?.spec, renewTime: '' },
  });

  it.each<[string, () => FakeCluster]>([
    ['target', () => west],
    ['source', () => east],
  ])('is left in both clusters where its holder is heard of in the %s alone', async (_side, where) => {
    await takeLock(options('m-one'));
    const before = [leaseIn(east), leaseIn(west)].map(untouched);
    const error = await thrown(takeLock(options('m-two', { force: true, clock: renewedIn(where()) })));
    expect(error).toMatchObject({ code: 'F370', detail: expect.stringContaining('m-one') });
    expect([leaseIn(east), leaseIn(west)].map(untouched)).toEqual(before);
    for (const cluster of [east, west])
      expect(cluster.calls.filter(({ path: to, method }) => to.endsWith(NAME) && method !== 'GET')).toEqual([]);
  });

  it('is as it was where the other one was taken by somebody else meanwhile', async () => {
    await takeLock(options('m-one'));
    const before = untouched(leaseIn(east));
    east.change<Lease>(RESOURCES.lease, SYSTEM_NAMESPACE, NAME, ({ metadata }) => {
      metadata.annotations = { ...metadata.annotations, 'kubectl-migrate.io/host': 'elsewhere' };
    });
    // Right between the look and the write: the newcomer finds it changed, looks again, and sees who has it now.
    const gateway = options('m-two').gateway;
    const faster: LockOptions['gateway'] = {
      ...gateway,
      patch: async (ref, ...rest) => {
        if (ref.side === 'target')
          west.change<Lease>(RESOURCES.lease, SYSTEM_NAMESPACE, NAME, (lease) => {
            if (lease.spec) lease.spec.holderIdentity = 'lap/other';
          });
        return gateway.patch(ref, ...rest);
      },
    };
    const error = await thrown(
      takeLock(options('m-two', { force: true, gateway: faster, clock: renewedIn(west, 'lap/other') })),
    );
    expect(error).toMatchObject({ code: 'F370', detail: expect.stringContaining('west') });
    expect(untouched(leaseIn(east))).toEqual({
      ...before,
      metadata: {
        ...before.metadata,
        annotations: { ...before.metadata.annotations, 'kubectl-migrate.io/host': 'elsewhere' },
      },
    });
    expect(leaseIn(west)?.spec?.holderIdentity).toBe('lap/other');
  });

  it('is named where it could not be given back', async () => {
    await takeLock(options('m-one'));
    west.faults.add({ when: ({ method }) => method === 'PATCH', fault: { kind: 'status', code: 403 } });
    east.faults.add({ when: ({ method }) => method === 'PATCH', fault: { kind: 'status', code: 403 }, from: 2 });
    const error = await thrown(takeLock(options('m-two', { force: true })));
    expect(error).toMatchObject({ code: 'F313', detail: expect.stringContaining(`lease ${NAME} of east could not`) });
  });
});

describe('a lock whose taking was answered to nobody', () => {
  const places: [string, () => FakeCluster][] = [
    ['source', () => east],
    ['target', () => west],
  ];
  const loseAnswer = (cluster: FakeCluster, verb: string) =>
    cluster.faults.add({
      when: ({ method, path }) => method === verb && path.includes('/leases'),
      fault: { kind: 'answer-lost' },
    });
  const told = (lease: Lease | undefined) => ({ ...lease, metadata: { ...lease?.metadata, resourceVersion: '' } });

  it.each(places)('of the %s is given back, and keeps nobody off', async (_side, where) => {
    loseAnswer(where(), 'POST');
    expect(await thrown(takeLock(options('m-one')))).toMatchObject({ code: 'F310' });
    expect([leaseIn(east), leaseIn(west)]).toEqual([undefined, undefined]);
    await (await takeLock(options('m-two'))).leave();
  });

  it.each(places)('of the %s, by force, is the other migration’s again', async (_side, where) => {
    await (await takeLock(options('m-one'))).leave();
    const before = [leaseIn(east), leaseIn(west)].map(told);
    loseAnswer(where(), 'PATCH');
    expect(await thrown(takeLock(options('m-two', { force: true })))).toMatchObject({ code: 'F310' });
    expect([leaseIn(east), leaseIn(west)].map(told)).toEqual(before);
  });

  it.each(places)(
    'of the %s is that of whoever takes a migration up all the same, and is renewed and removed',
    async (_side, where) => {
      await (await takeLock(options('m-one'))).leave();
      loseAnswer(where(), 'PATCH');
      const lock = await takeLock(
        options('m-one', { process: 'lap/2', takingUp: true, onUnreachable: () => undefined }),
      );
      expect(lock.takenFrom).toMatchObject([{ migration: 'm-one' }, { migration: 'm-one' }]);
      expect(lock.unasked).toEqual([]);
      await clock.sleep(LOCK_MS);
      const before = leaseIn(where())?.spec?.renewTime;
      await lock.confirm(where() === east ? 'source' : 'target');
      expect(leaseIn(where())?.spec?.renewTime).not.toBe(before);
      await lock.remove(never);
      expect([leaseIn(east), leaseIn(west)]).toEqual([undefined, undefined]);
    },
  );

  it('is given back also when the command was interrupted meanwhile', async () => {
    const interrupt = new AbortController();
    const { gateway } = options('m-one');
    const interrupted: LockOptions['gateway'] = {
      ...gateway,
      create: async (side, resource, object) => {
        const made = await gateway.create(side, resource, object);
        interrupt.abort();
        interrupt.signal.throwIfAborted();
        return made;
      },
    };
    await thrown(takeLock(options('m-one', { gateway: interrupted, signal: interrupt.signal })));
    expect(interrupt.signal.aborted).toBe(true);
    expect([leaseIn(east), leaseIn(west)]).toEqual([undefined, undefined]);
  });

  it('is named where it cannot be seen', async () => {
    loseAnswer(west, 'POST');
    west.faults.add({
      when: ({ method, path }) => method === 'GET' && path.endsWith(NAME),
      fault: { kind: 'silence' },
      from: 2,
      times: 100,
    });
    expect(await thrown(takeLock(options('m-one')))).toMatchObject({
      code: 'F310',
      detail: expect.stringContaining(`whether lease ${NAME} of west was taken could not be seen: `),
    });
    expect(leaseIn(east)).toBeUndefined();
  });

  it('is not asked for where the request was never sent', async () => {
    west.faults.add({ when: () => true, fault: { kind: 'refused' }, from: 2, times: 1000 });
    expect(await thrown(takeLock(options('m-one')))).toMatchObject({
      code: 'F310',
      detail: expect.not.stringContaining('could not be'),
    });
  });
});

describe('while a run goes on', () => {
  it('its lock is renewed', async () => {
    const lock = await inFakeTime(async () => {
      const taken = await takeLock(options('m-one'));
      const before = leaseIn(east)?.spec?.renewTime;
      await clock.sleep(6000);
      await new Promise((resolve) => setTimeout(resolve, 6000));
      expect(leaseIn(east)?.spec?.renewTime).not.toBe(before);
      expect(leaseIn(west)?.spec?.renewTime).not.toBe(before);
      return taken;
    }, 500);
    expect(lock.lost.aborted).toBe(false);
    await lock.leave();
  });

  it.each<[string, () => [FakeCluster, FakeCluster]]>([
    ['source', () => [east, west]],
    ['target', () => [west, east]],
  ])('its other lock is renewed in time while the %s’s cluster hangs', async (_side, clusters) => {
    const [hanging, other] = clusters();
    const lock = await inFakeTime(async () => {
      const taken = await takeLock(options('m-one'));
      hanging.faults.add({ when: () => true, fault: { kind: 'slow', ms: 3_600_000 }, times: 100 });
      for (let passed = 0; passed < 60_000; passed += 1000) {
        await new Promise((resolve) => setTimeout(resolve, 1000));
        await clock.sleep(1000);
        const renewed = Date.parse(leaseIn(other)?.spec?.renewTime ?? '');
        expect(clock.now() - renewed).toBeLessThan(LOCK_MS / 2);
      }
      hanging.faults.clear();
      await new Promise((resolve) => setTimeout(resolve, 8000));
      expect(Date.parse(leaseIn(hanging)?.spec?.renewTime ?? '')).toBe(clock.now());
      await taken.leave();
      return taken;
    }, 100);
    expect(lock.lost.aborted).toBe(false);
  });

  it('its lock is renewed in time though answers are lost', async () => {
    const lock = await inFakeTime(async () => {
      const taken = await takeLock(options('m-one'));
      for (const from of [1, 4, 7])
        west.faults.add({ when: ({ method }) => method === 'PATCH', fault: { kind: 'answer-lost' }, from });
      for (let passed = 0; passed < 60_000; passed += 1000) {
        await new Promise((resolve) => setTimeout(resolve, 1000));
        await clock.sleep(1000);
        expect(clock.now() - Date.parse(leaseIn(west)?.spec?.renewTime ?? '')).toBeLessThan(LOCK_MS);
      }
      return taken;
    }, 100);
    expect(lock.lost.aborted).toBe(false);
    await lock.leave();
    expect(leaseIn(west)?.spec?.holderIdentity).toBeFalsy();
  });

  it('nothing is asked to confirm a lock that was renewed a moment ago', async () => {
    const lock = await takeLock(options('m-one'));
    const asked = east.calls.length;
    for (const side of ['source', 'target'] as const) await lock.confirm(side);
    expect(east.calls.length).toBe(asked);
    await lock.leave();
  });

  it('a lock is renewed before it counts as this process’s after a sleep, that of the asked side only', async () => {
    const lock = await takeLock(options('m-one'));
    const before = leaseIn(west)?.spec?.renewTime;
    await clock.sleep(3_600_000);
    await lock.confirm('source');
    expect(leaseIn(east)?.spec?.renewTime).not.toBe(before);
    expect(leaseIn(west)?.spec?.renewTime).toBe(before);
    await lock.leave();
  });

  it('a lock that another took during a sleep is not confirmed', async () => {
    const lock = await takeLock(options('m-one'));
    await clock.sleep(3_600_000);
    await takeLock(options('m-one', { process: 'lap/2' }));
    await expect(lock.confirm('target')).rejects.toMatchObject({ code: 'F371' });
    expect(lock.lost.aborted).toBe(true);
    await expect(lock.confirm('source')).rejects.toMatchObject({ code: 'F371' });
  });

  it('a lock that cannot be asked about is not confirmed, and not lost either', async () => {
    const lock = await takeLock(options('m-one'));
    await clock.sleep(3_600_000);
    west.faults.add({ when: () => true, fault: { kind: 'silence' }, times: 1000 });
    await expect(lock.confirm('target')).rejects.toMatchObject({ code: 'F311' });
    expect(lock.lost.aborted).toBe(false);
    west.faults.clear();
    await lock.confirm('target');
    await lock.leave();
  });

  it('a lock that was removed or left is nobody’s to confirm', async () => {
    const lock = await takeLock(options('m-one'));
    await lock.remove(never);
    await clock.sleep(3_600_000);
    await lock.confirm('source');
    expect(lock.lost.aborted).toBe(false);
  });

  it.each(['remove', 'leave'] as const)(
    'a lock that ends with its own %s is not lost to whoever is just confirming it',
    async (end) => {
      const lock = await takeLock(options('m-one'));
      await clock.sleep(60_000);
      west.faults.add({ when: ({ method }) => method === 'PATCH', fault: { kind: 'slow', ms: 50 } });
      const confirmed = lock.confirm('target');
      await lock[end](never);
      await confirmed;
      expect(lock.lost.aborted).toBe(false);
    },
  );

  it.each([
    [
      'taken by another',
      () => {
        east.change<Lease>(RESOURCES.lease, SYSTEM_NAMESPACE, NAME, (lease) => {
          if (lease.spec) lease.spec.holderIdentity = 'lap/2';
        });
      },
    ],
    ['removed', () => east.remove(RESOURCES.lease, SYSTEM_NAMESPACE, NAME)],
  ])('a lock that is %s stops it', async (_how, meddle) => {
    const lock = await inFakeTime(async () => {
      const taken = await takeLock(options('m-one'));
      meddle();
      await new Promise((resolve) => setTimeout(resolve, 6000));
      return taken;
    }, 500);
    expect(lock.lost.reason).toMatchObject({ code: 'F371' });
    await lock.leave();
    expect(leaseIn(east)?.spec?.holderIdentity).not.toBe('desk/m-one');
  });

  it('a cluster that does not answer for a while does not stop it', async () => {
    const lock = await inFakeTime(async () => {
      const taken = await takeLock(options('m-one'));
      west.faults.add({ when: () => true, fault: { kind: 'silence' }, times: 5 });
      await new Promise((resolve) => setTimeout(resolve, 12_000));
      return taken;
    }, 500);
    expect(lock.lost.aborted).toBe(false);
    await lock.leave();
  });
});

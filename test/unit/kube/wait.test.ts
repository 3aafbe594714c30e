import { beforeEach, describe, expect, it } from 'vitest';
import { failureCode, isMigrateError, MigrateError } from '../../../src/domain/errors.ts';
import { createReader } from '../../../src/kube/client.ts';
import type { Pod } from '../../../src/kube/objects.ts';
import type { ClusterReader, Verdict } from '../../../src/kube/ports.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { FakeClock, settle } from '../../fakes/fake-clock.ts';
import { FakeCluster } from '../../fakes/fake-cluster.ts';

let clock: FakeClock;
let cluster: FakeCluster;
let reader: ClusterReader;
let reasons: string[];
beforeEach(() => {
  clock = new FakeClock();
  cluster = new FakeCluster({ clock });
  reader = createReader(cluster.client('source', 'east'), clock);
  reasons = [];
});

const isRunning = (pod: Pod | undefined): Verdict =>
  pod?.status?.phase === 'Running' ? { done: true } : { done: false, why: `it is ${pod?.status?.phase ?? 'missing'}` };

function wait(check = isRunning, signal?: AbortSignal): Promise<unknown> {
  const ref = { namespace: 'default', name: 'cart-0' };
  const promise = reader.waitFor<Pod>(RESOURCES.pod, ref, check, {
    name: 'pod default/cart-0 to run',
    deadlineMs: 60_000,
    flag: '--ready-timeout',
    onProgress: (why) => reasons.push(why),
    ...(signal === undefined ? {} : { signal }),
  });
  promise.catch(() => undefined);
  return promise;
}

function seedPod(phase: string, name = 'cart-0'): void {
  const metadata = { name, namespace: 'default' };
  cluster.seed<Pod>(RESOURCES.pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { containers: [] },
    status: { phase },
  });
}

const setPhase = (phase: string): void =>
  cluster.change<Pod>(RESOURCES.pod, 'default', 'cart-0', (pod) => {
    pod.status = { phase };
  });
const listed = (): number => cluster.calls.filter((call) => call.query?.['watch'] === undefined).length;

describe('waitFor', () => {
  it('is over at once when it is so already', async () => {
    seedPod('Running');
    expect(await wait()).toMatchObject({ kind: 'Pod', metadata: { name: 'cart-0' } });
    expect(cluster.calls).toHaveLength(1);
  });

  it('tells each new reason once, and pays no heed to others', async () => {
    const waiting = wait();
    await settle();
    seedPod('Pending', 'other');
    seedPod('Pending');
    await settle();
    setPhase('Pending');
    await settle();
    setPhase('Running');
    expect(await waiting).toMatchObject({ status: { phase: 'Running' } });
    expect(reasons).toEqual(['it is missing', 'it is Pending']);
  });

  it('looks anew at half the time and says again what is missing', async () => {
    seedPod('Pending');
    const waiting = wait();
    await clock.advance(30_000);
    expect(reasons).toEqual(['it is Pending', 'it is Pending']);
    expect(listed()).toBe(2);
    setPhase('Running');
    await waiting;
  });

  it('ends with the last reason and its flag', async () => {
    seedPod('Pending');
    const waiting = wait();
    await clock.advance(60_000);
    const error = await waiting.catch((thrown: unknown) => thrown);
    expect(isMigrateError(error) && error).toMatchObject({
      code: 'F320',
      detail: 'waited 60 s for pod default/cart-0 to run: it is Pending',
    });
    expect(isMigrateError(error) && error.remedy).toContain('--ready-timeout');
  });

  it('looks once more after the end', async () => {
    seedPod('Pending');
    const waiting = wait();
    await settle();
    cluster.faults.add({ when: (call) => call.query?.['watch'] === 'true', fault: { kind: 'silence' }, times: 1000 });
    cluster.dropWatches();
    await clock.advance(59_900);
    setPhase('Running');
    await clock.advance(100);
    expect(await waiting).toMatchObject({ status: { phase: 'Running' } });
  });

  it.each([
    ['a dropped watch', (): void => cluster.dropWatches()],
    [
      'an expired version',
      (): void => {
        cluster.compact();
        cluster.dropWatches();
      },
    ],
  ])('goes on after %s', async (_name, disturb) => {
    seedPod('Pending');
    const waiting = wait();
    await settle();
    disturb();
    await clock.advance(1000);
    setPhase('Running');
    await clock.advance(1000);
    expect(await waiting).toMatchObject({ status: { phase: 'Running' } });
  });

  it('outlasts an API server that is away for a while, and says so', async () => {
    seedPod('Pending');
    cluster.faults.add({ when: () => true, fault: { kind: 'refused' }, times: 20 });
    const waiting = wait();
    await clock.advance(5_000);
    expect(reasons).toEqual([expect.stringContaining('nothing listens on east.fake')]);
    setPhase('Running');
    await clock.advance(25_000);
    expect(await waiting).toMatchObject({ status: { phase: 'Running' } });
  });

  it('does not outlast a refusal', async () => {
    cluster.faults.add({ when: () => true, fault: { kind: 'status', code: 403 } });
    expect(failureCode(await wait().catch((error: unknown) => error))).toBe('F313');
  });

  it('ends with what the check throws', async () => {
    seedPod('Failed');
    const hopeless = new MigrateError('F343', { detail: 'd', remedy: 'r' });
    const waiting = wait(() => {
      throw hopeless;
    });
    await expect(waiting).rejects.toBe(hopeless);
  });

  it('ends when it is told to', async () => {
    const controller = new AbortController();
    const waiting = wait(isRunning, controller.signal);
    await settle();
    controller.abort();
    expect(failureCode(await waiting.catch((error: unknown) => error))).toBe('F306');
  });
});

import { describe, expect, it } from 'vitest';
import type { Effect } from '../../../src/domain/effect.ts';
import { MigrateError } from '../../../src/domain/errors.ts';
import { createGateway } from '../../../src/kube/gateway.ts';
import type { ConfigMap } from '../../../src/kube/objects.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { FakeClock, settle } from '../../fakes/fake-clock.ts';
import { FakeCluster } from '../../fakes/fake-cluster.ts';
import { inFakeTime } from '../../support/fake-time.ts';

const object = { side: 'source', apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'cm' } as const;
const node = { side: 'source', apiVersion: 'v1', kind: 'Node', name: 'n' } as const;
const effects: Effect[] = [
  { step: 's', phase: 'prepare', verb: 'create', object, detail: '' },
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
  const end = async () => {
    await settle();
    interrupt.abort(reason);
  };
  return { cluster, gateway, is, signal, create, end };
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
    const detail =
      'https://east.fake (context east) was told to create configmap default/cm, and did not answer for 3 s';
    expect(unanswered).toMatchObject([{ code: 'F311', detail: expect.stringContaining(detail) }]);
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

it('nothing is under way where all has been answered, with yes or no', async () => {
  const { gateway, create } = slowly(0);
  await create();
  await expect(create()).rejects.toMatchObject({ code: 'F318' });
  expect(await gateway.landed()).toEqual([]);
});

it('a checkpoint is waited for by whoever asked for it', async () => {
  const { gateway, signal, end } = slowly(60_000);
  const request = { node: 'n', namespace: 'default', pod: 'p', container: 'c', timeoutMs: 1000, signal };
  const ended = expect(gateway.checkpoint('source', request)).rejects.toBe(reason);
  await end();
  await ended;
  expect(await gateway.landed()).toEqual([]);
});

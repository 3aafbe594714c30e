import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Effect, Verb } from '../../src/domain/effect.ts';
import { failureCode } from '../../src/domain/errors.ts';
import { type ApiClient, resourcePath } from '../../src/kube/api-client.ts';
import { createReader } from '../../src/kube/client.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { createGateway } from '../../src/kube/gateway.ts';
import type { ConfigMap, KubeObject } from '../../src/kube/objects.ts';
import type { ClusterReader, Gateway } from '../../src/kube/ports.ts';
import { RESOURCES } from '../../src/kube/resources.ts';

/** What a suite runs against: a client, and a namespace that is there and empty. */
export interface ContractCluster {
  readonly api: ApiClient;
  readonly namespace: string;
  close(): Promise<void>;
}

const { configMap, namespace: namespaces } = RESOURCES;

/** A gateway that may do everything to ConfigMaps `a` to `i` of a namespace. */
function allowedGateway(api: ApiClient, namespace: string): Gateway {
  const verbs: Verb[] = ['create', 'apply', 'patch', 'delete'];
  const effects = [...'abcdefghi'].flatMap((name) =>
    verbs.map(
      (verb): Effect => ({ step: 'contract', phase: 'prepare', verb, object: refOf(namespace, name), detail: '' }),
    ),
  );
  return createGateway({ source: api, target: api, effects, clock: systemClock });
}

function refOf(namespace: string, name: string) {
  return { side: 'source', ...configMap, namespace, name, resource: configMap } as const;
}

function newConfigMap(namespace: string, name: string, data: Record<string, string> = {}): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels: { suite: name } }, data };
}

/** What reader and gateway rely on, of a real API server and of the fake alike. */
export function clusterContract(name: string, start: () => Promise<ContractCluster>): void {
  describe(`cluster: ${name}`, () => {
    let cluster: ContractCluster;
    let reader: ClusterReader;
    let gateway: Gateway;
    let ns: string;

    beforeAll(async () => {
      cluster = await start();
      ns = cluster.namespace;
      reader = createReader(cluster.api, systemClock);
      gateway = allowedGateway(cluster.api, ns);
    });
    afterAll(() => cluster.close());

    const create = (key: string, data?: Record<string, string>): Promise<ConfigMap> =>
      gateway.create('source', configMap, newConfigMap(ns, key, data));
    const codeOf = async (act: Promise<unknown>): Promise<unknown> =>
      failureCode(await act.catch((error: unknown) => error));

    it('creates, reads and lists objects', async () => {
      const made = await create('a', { x: '1' });
      expect(made).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1', data: { x: '1' } });
      expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
      expect(made.metadata.resourceVersion).toMatch(/^\d+$/);
      expect(made.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect(await reader.get(configMap, 'a', { namespace: ns })).toEqual(made);
      const listed = await reader.list(configMap, { namespace: ns, labelSelector: 'suite in (a, none)' });
      expect(listed).toEqual([made]);
      expect(await reader.list(configMap, { namespace: ns, fieldSelector: 'metadata.name=none' })).toEqual([]);
    });

    it('yields undefined for what is not there', async () => {
      expect(await reader.get(configMap, 'none', { namespace: ns })).toBeUndefined();
      expect(await reader.get(namespaces, `${ns}-none`)).toBeUndefined();
    });

    it('says what would become of an object, and keeps nothing of it', async () => {
      const would = await reader.wouldCreate(configMap, newConfigMap(ns, 'would'));
      expect(would.metadata.name).toBe('would');
      expect(await reader.get(configMap, 'would', { namespace: ns })).toBeUndefined();
    });

    it('answers a write that is told to end at any moment, or does not carry it out', async () => {
      const moments = Array.from({ length: 30 }, (_, index) => index / 4);
      const answered = await Promise.all(
        moments.map(async (ms, index) => {
          const controller = new AbortController();
          const body = newConfigMap(ns, `told-${index}`);
          const path = resourcePath(configMap, ns);
          const asked = cluster.api.request({ method: 'POST', path, body, lingerMs: 5000, signal: controller.signal });
          const came = asked.then(
            () => true,
            () => false,
          );
          setTimeout(() => controller.abort(), ms);
          return came;
        }),
      );
      await new Promise((resolve) => setTimeout(resolve, 500));
      const made = await reader.list(configMap, { namespace: ns });
      const names = made.map(({ metadata }) => metadata.name).filter((each) => each.startsWith('told-'));
      expect(names.toSorted()).toEqual(
        moments.flatMap((_, index) => (answered[index] ? [`told-${index}`] : [])).toSorted(),
      );
    });

    it('refuses a second object of the same name, and one in a namespace that is not there', async () => {
      await create('b');
      expect(await codeOf(create('b'))).toBe('F318');
      const nowhere = allowedGateway(cluster.api, `${ns}-none`);
      expect(await codeOf(nowhere.create('source', configMap, newConfigMap(`${ns}-none`, 'b')))).toBe('F314');
    });

    it('patches on condition of the version, and keeps the version when nothing changes', async () => {
      const made = await create('c', { x: '1' });
      const ref = refOf(ns, 'c');
      const resourceVersion = String(made.metadata.resourceVersion);
      const changed = await gateway.patch<ConfigMap>(ref, 'merge', { metadata: { resourceVersion }, data: { y: '2' } });
      expect(changed.data).toEqual({ x: '1', y: '2' });
      expect(changed.metadata.resourceVersion).not.toBe(resourceVersion);
      const stale = gateway.patch(ref, 'merge', { metadata: { resourceVersion }, data: { z: '3' } });
      expect(await codeOf(stale)).toBe('F315');
      const same = await gateway.patch(ref, 'merge', { data: { y: '2' } });
      expect(same.metadata.resourceVersion).toBe(changed.metadata.resourceVersion);
      const removed = await gateway.patch<ConfigMap>(ref, 'json', [
        { op: 'test', path: '/data/x', value: '1' },
        { op: 'remove', path: '/data/x' },
      ]);
      expect(removed.data).toEqual({ y: '2' });
      expect(await codeOf(gateway.patch(ref, 'json', [{ op: 'test', path: '/data/y', value: '9' }]))).toBe('F316');
      expect(await codeOf(gateway.patch(refOf(ns, 'h'), 'merge', {}))).toBe('F314');
    });

    it('applies: makes what is missing, changes what is there, and nothing when nothing changes', async () => {
      const object = newConfigMap(ns, 'g', { x: '1' });
      const made = await gateway.apply<ConfigMap>('source', configMap, object);
      expect(made).toMatchObject({ kind: 'ConfigMap', metadata: { name: 'g', namespace: ns }, data: { x: '1' } });
      const again = await gateway.apply<ConfigMap>('source', configMap, object);
      expect(again.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
      const changed = await gateway.apply<ConfigMap>('source', configMap, { ...object, data: { x: '2' } });
      expect(changed).toMatchObject({ metadata: { uid: made.metadata.uid }, data: { x: '2' } });
      await gateway.patch(refOf(ns, 'g'), 'merge', { data: { others: '3' } });
      const marked = { ...object, metadata: { ...object.metadata, annotations: { 'example.org/mark': 'm' } } };
      await gateway.apply<ConfigMap>('source', configMap, { ...marked, data: { y: '4' } });
      const back = await gateway.apply<ConfigMap>('source', configMap, { ...object, data: { y: '4' } });
      expect(back.data).toEqual({ others: '3', y: '4' });
      expect(back.metadata.annotations ?? {}).toEqual({});
      const nowhere = allowedGateway(cluster.api, `${ns}-none`);
      expect(await codeOf(nowhere.apply('source', configMap, newConfigMap(`${ns}-none`, 'g')))).toBe('F314');
    });

    it('takes a ConfigMap of up to 1 MiB', async () => {
      expect(await codeOf(create('d', { x: 'x'.repeat(1024 * 1024 + 1) }))).toBe('F316');
      await create('d', { x: 'x'.repeat(1024 * 1024 - 1) });
    });

    it('deletes once and for all, but never another object of the same name', async () => {
      const first = await create('e');
      await gateway.delete(refOf(ns, 'e'));
      await gateway.delete(refOf(ns, 'e'));
      const second = await create('e');
      await gateway.delete(refOf(ns, 'e'), { uid: String(first.metadata.uid) });
      expect(await reader.get(configMap, 'e', { namespace: ns })).toEqual(second);
      await gateway.delete(refOf(ns, 'e'), { uid: String(second.metadata.uid) });
      expect(await reader.get(configMap, 'e', { namespace: ns })).toBeUndefined();
    });

    it('deletes nothing that somebody has written to since', async () => {
      const first = await create('h', { x: '1' });
      const { uid = '', resourceVersion = '' } = first.metadata;
      const second = await gateway.patch<ConfigMap>(refOf(ns, 'h'), 'merge', { data: { x: '2' } });
      expect(await codeOf(gateway.delete(refOf(ns, 'h'), { uid, resourceVersion }))).toBe('F315');
      expect(await reader.get(configMap, 'h', { namespace: ns })).toEqual(second);
      await gateway.delete(refOf(ns, 'h'), { uid, resourceVersion: second.metadata.resourceVersion ?? '' });
      expect(await reader.get(configMap, 'h', { namespace: ns })).toBeUndefined();
    });

    it('sees an object come, change and go', async () => {
      const wait = (check: (object: ConfigMap | undefined) => boolean) =>
        reader.waitFor<ConfigMap>(
          configMap,
          { namespace: ns, name: 'f' },
          (object) => (check(object) ? { done: true } : { done: false, why: 'not yet' }),
          { name: 'configmap f', deadlineMs: 10_000, flag: '--none' },
        );
      const come = wait((object) => object !== undefined);
      const made = await create('f');
      expect(await come).toEqual(made);
      const change = wait((object) => object?.data?.['x'] === '1');
      await gateway.patch(refOf(ns, 'f'), 'merge', { data: { x: '1' } });
      expect(await change).toMatchObject({ kind: 'ConfigMap', data: { x: '1' } });
      const go = wait((object) => object === undefined);
      await gateway.delete(refOf(ns, 'f'));
      expect(await go).toBeUndefined();
    });

    it('lists across namespaces', async () => {
      await create('i');
      const all = await reader.list<KubeObject>(configMap);
      expect(all.filter((object) => object.metadata.namespace === ns).length).toBeGreaterThan(0);
    });

    it('answers questions about access and about itself', async () => {
      const question = { verb: 'get', group: '', resource: 'configmaps', namespace: ns };
      expect(await reader.refused([question])).toEqual([]);
      expect(await reader.whoAmI()).not.toBe('');
    });

    it('does nothing that the plan does not declare', async () => {
      const attempt = gateway.create('source', configMap, newConfigMap(ns, 'undeclared'));
      expect(await codeOf(attempt)).toBe('F399');
      expect(await reader.get(configMap, 'undeclared', { namespace: ns })).toBeUndefined();
    });

    it('stops when it is told to', async () => {
      const signal = AbortSignal.abort();
      expect(await codeOf(reader.list(configMap, { namespace: ns, signal }))).toBe('F306');
    });
  });
}

import { describe, expect, it } from 'vitest';
import { owner, shows } from '../support/compatibility.ts';
import { ask, type Counter, expectSameProcess } from '../support/counter.ts';
import { newMachine } from '../support/kill.ts';
import type { Context, Kubectl } from '../support/kubectl.ts';
import { httpLoad, redisLoad } from '../support/load-client.ts';
import { imageOf, service } from '../support/manifests.ts';
import { deployment, headless, statefulSet } from '../support/owned.ts';
import { accountForWrites } from '../support/redis-writes.ts';
import { type Scenario, scenario, THERE_AND_BACK } from '../support/scenario.ts';
import { expectOnly, takeSnapshot } from '../support/snapshot.ts';

interface Found {
  readonly metadata: {
    readonly name: string;
    readonly labels: Record<string, string>;
    readonly ownerReferences?: readonly { readonly kind: string; readonly uid: string }[];
  };
  readonly spec: { readonly hostname?: string; readonly subdomain?: string };
}

async function pod(kubectl: Kubectl, context: Context, namespace: string, app: string): Promise<Found> {
  const { items } = await kubectl.json<{ items: Found[] }>(context, ['-n', namespace, 'pods', '-l', `app=${app}`]);
  const [found, ...others] = items;
  if (!found || others.length > 0) throw new Error(`${items.length} pods of ${app} in ${context}`);
  return found;
}

async function moved({ migrate }: Scenario, name: string, from: Context, to: Context): Promise<void> {
  const ended = await migrate(['pod', name, '--context', from, '--to-context', to, '--yes']);
  expect(ended.code).toBe(0);
}

/** What a Service and its slices say of where the pod is. */
function leadsTo(app: string): RegExp {
  return new RegExp(`^east (Endpoints|EndpointSlice)/${app}[-\\w]*( |$)`);
}

describe('a pod of a Deployment', () => {
  it(
    'is adopted in the other cluster, there and back, under load, and nothing else changes',
    shows(owner('Deployment')),
    () =>
      scenario({ name: 'deployment', rights: THERE_AND_BACK }, async (scene) => {
        const { lab, namespace, kubectl } = scene;
        const image = imageOf(lab, 'static');
        const bystander = { namespace, name: 'other', image, port: 8080, replicas: 2 };
        await kubectl.apply('east', [
          deployment({ namespace, name: 'web', image, port: 8080 }),
          deployment(bystander),
          service(namespace, 'web', 8080),
        ]);
        await kubectl.apply('west', [deployment(bystander)]);
        for (const [context, name] of [
          ['east', 'web'],
          ['east', 'other'],
          ['west', 'other'],
        ] as const)
          await kubectl.rolledOut(context, namespace, `deployment/${name}`);
        const { metadata } = await pod(kubectl, 'east', namespace, 'web');
        const client = { lab, kubectl, context: 'east', namespace, name: 'client' } as const;
        const load = await httpLoad(client, 'http://web:8080/');
        await load.going;
        const before = await takeSnapshot(kubectl, namespace);

        await moved(scene, metadata.name, 'east', 'west');
        const inWest = await pod(kubectl, 'west', namespace, 'web');
        expect(inWest.metadata).toMatchObject({ name: metadata.name, labels: metadata.labels });
        expect(inWest.metadata.ownerReferences?.[0]?.kind).toBe('ReplicaSet');
        const hash = metadata.labels['pod-template-hash'];
        await expectOnly(scene, before, [
          `east Pod/${metadata.name} gone`,
          'east Deployment/web spec.replicas: 1 -> 0',
          'east Deployment/web status.',
          `east ReplicaSet/web-${hash} spec.replicas: 1 -> 0`,
          `east ReplicaSet/web-${hash} metadata.annotations[deployment.kubernetes.io/desired-replicas]`,
          `east ReplicaSet/web-${hash} metadata.annotations[deployment.kubernetes.io/max-replicas]`,
          `east ReplicaSet/web-${hash} status.`,
          /^east Service\/web (spec\.selector|metadata\.annotations)/,
          leadsTo('web'),
          `west Pod/${metadata.name} made`,
          'west Deployment/web made',
          `west ReplicaSet/web-${hash} made`,
          'west Service/web made',
          /^west (Endpoints|EndpointSlice)\/web[-\w]* made/,
        ]);

        await moved(scene, metadata.name, 'west', 'east');
        const summary = await load.stop();
        expect({ count: summary.countWentBack, uptime: summary.uptimeWentBack }).toEqual({ count: [], uptime: [] });
        expect(summary.acknowledged).toBeGreaterThan(500);
        await expectOnly(scene, before, [
          `east Pod/${metadata.name} `,
          'east Pod/client gone',
          leadsTo('web'),
          'west Deployment/web made',
          `west ReplicaSet/web-${hash} made`,
          'west Service/web made',
          /^west (Endpoints|EndpointSlice)\/web[-\w]* made/,
        ]);
      }),
  );
});

describe('a pod of a StatefulSet', () => {
  it(
    'keeps name, ordinal, host name, labels and revision, there and back, and nothing else changes',
    shows(owner('StatefulSet')),
    () =>
      scenario({ name: 'stateful-set', rights: THERE_AND_BACK }, async (scene) => {
        const { lab, namespace, kubectl } = scene;
        const image = imageOf(lab, 'redis');
        await kubectl.apply('east', [
          statefulSet({ namespace, name: 'db', image, port: 6379, replicas: 2 }),
          headless(namespace, 'db', 6379),
        ]);
        await kubectl.rolledOut('east', namespace, 'statefulset/db');
        const one = await kubectl.json<Found>('east', ['-n', namespace, 'pod', 'db-1']);
        const client = { lab, kubectl, context: 'east', namespace, name: 'client' } as const;
        const load = await redisLoad(client, 'db-1.db:6379');
        await load.going;
        const before = await takeSnapshot(kubectl, namespace);

        await moved(scene, 'db-1', 'east', 'west');
        const inWest = await pod(kubectl, 'west', namespace, 'db');
        expect(inWest.metadata).toMatchObject({ name: 'db-1', labels: one.metadata.labels });
        expect(inWest.metadata.ownerReferences?.[0]?.kind).toBe('StatefulSet');
        expect(inWest.spec).toMatchObject({ hostname: 'db-1', subdomain: 'db' });
        await expectOnly(scene, before, [
          'east Pod/db-1 gone',
          'east StatefulSet/db spec.replicas: 2 -> 1',
          'east StatefulSet/db status.',
          /^east Service\/db (spec\.selector|metadata\.annotations)/,
          leadsTo('db'),
          'west Pod/db-1 made',
          'west StatefulSet/db made',
          /^west ControllerRevision\/db-\w+ made/,
          'west Service/db made',
          /^west (Endpoints|EndpointSlice)\/db[-\w]* made/,
        ]);

        await moved(scene, 'db-1', 'west', 'east');
        const summary = await load.stop();
        const account = await accountForWrites(kubectl, { context: 'east', namespace, pod: 'db-1' }, summary);
        expect(account).toMatchObject({ lost: [], twice: [] });
        expect(account.acknowledged).toBeGreaterThan(500);
        await expectOnly(scene, before, [
          'east Pod/db-1 ',
          'east Pod/client gone',
          leadsTo('db'),
          'west StatefulSet/db made',
          /^west ControllerRevision\/db-\w+ made/,
          'west Service/db made',
          /^west (Endpoints|EndpointSlice)\/db[-\w]* made/,
        ]);
      }),
  );
});

describe('all pods of a StatefulSet', () => {
  it(
    'move from the highest ordinal down; one in the middle alone is declined',
    shows(owner('StatefulSet, all pods'), owner('StatefulSet, an ordinal in the middle', { declined: 'E126' })),
    () =>
      scenario('all-ordinals', async (scene) => {
        const { lab, namespace, kubectl, migrate } = scene;
        const image = imageOf(lab, 'static');
        await kubectl.apply('east', [
          statefulSet({ namespace, name: 'db', image, port: 8080, replicas: 3 }),
          headless(namespace, 'db', 8080),
        ]);
        await kubectl.rolledOut('east', namespace, 'statefulset/db');
        const names = ['db-0', 'db-1', 'db-2'];
        const before = await Promise.all(names.map((name) => ask<Counter>(kubectl, 'east', namespace, name)));
        const between = ['--context', 'east', '--to-context', 'west', '--yes'];
        const declined = await migrate(['pod', 'db-1', ...between]);
        expect(declined.code).toBe(5);
        expect(declined.stderr).toContain('E126  db-1 lies between db-0 and db-2');
        const ended = await migrate(['pod', 'db-1', ...between, '--all-replicas']);
        expect(ended.code).toBe(0);
        expect(ended.stdout.match(/^db-\d/gm)).toEqual(['db-2', 'db-1', 'db-0']);
        const after = await Promise.all(names.map((name) => ask<Counter>(kubectl, 'west', namespace, name)));
        after.forEach((counter, index) => {
          expectSameProcess(before[index] ?? counter, counter);
        });
        const set = await kubectl.json<{ spec: { replicas: number; ordinals?: object } }>('west', [
          '-n',
          namespace,
          'statefulset',
          'db',
        ]);
        expect(set.spec).toMatchObject({ replicas: 3 });
        expect(set.spec.ordinals).toBeUndefined();
        expect(await kubectl.run('east', ['-n', namespace, 'get', 'pods', '-o', 'name'])).toBe('');
      }),
  );
});

describe('one pod of a Deployment with several', () => {
  it('moves with what it refers to, and the others stay', shows(owner('Deployment, one pod of several')), () =>
    scenario('replicas', async (scene) => {
      const { lab, namespace, kubectl, migrate } = scene;
      const image = imageOf(lab, 'static');
      const metadata = { name: 'password', namespace };
      const env = [
        { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'password', key: 'word' } } },
        { name: 'GREETING', value: 'battery-staple' },
      ];
      await kubectl.apply('east', [
        { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { word: 'correct-horse' } },
        deployment({ namespace, name: 'web', image, port: 8080, replicas: 3, container: { env } }),
      ]);
      await kubectl.rolledOut('east', namespace, 'deployment/web');
      const names = await kubectl.run('east', ['-n', namespace, 'get', 'pods', '-o', 'name']);
      const [first = '', ...others] = names.trim().split('\n');
      const name = first.replace('pod/', '');
      const before = await ask<Counter>(kubectl, 'east', namespace, name);
      const between = ['--context', 'east', '--to-context', 'west', '--yes'];
      const declined = await migrate(['pod', name, ...between]);
      expect(declined.code).toBe(5);
      expect(declined.stderr).toContain('E110  Secret');
      const { env: machine, record } = newMachine();
      const loud = ['--copy-dependencies', '-o', 'json', '-v', '9'];
      const ended = await migrate(['pod', name, ...between, ...loud], { env: machine });
      expect(ended.code).toBe(0);
      const id = record()?.id ?? '';
      const kept = await Promise.all(
        (['east', 'west'] as const).map((context) =>
          kubectl.run(context, ['-n', 'kubectl-migrate', 'get', 'configmaps,secrets,events,leases,pods', '-o', 'json']),
        ),
      );
      const written = [ended.stdout, ended.stderr, declined.stderr, ...(record()?.lines ?? []), ...kept];
      expect(written.filter((text) => text.includes(id)).length).toBeGreaterThan(3);
      for (const words of ['correct-horse', 'battery-staple'])
        for (const text of written) {
          expect(text).not.toContain(words);
          expect(text).not.toContain(Buffer.from(words).toString('base64'));
        }
      expectSameProcess(before, await ask<Counter>(kubectl, 'west', namespace, name));
      const left = await kubectl.run('east', ['-n', namespace, 'get', 'pods', '-o', 'name']);
      expect(left.trim().split('\n')).toEqual(others);
    }),
  );
});

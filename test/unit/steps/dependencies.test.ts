import { describe, expect, it } from 'vitest';
import type { MigrateError } from '../../../src/domain/errors.ts';
import type { ConfigMap, KubeObject } from '../../../src/kube/objects.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { move } from '../../fixtures/move.ts';
import { runningPod } from '../../fixtures/objects.ts';
import { type Clusters, contents, plan, twoClusters } from '../../fixtures/two-clusters.ts';

const PASSWORD = Buffer.from('correct horse').toString('base64');
const OTHER = Buffer.from('battery staple').toString('base64');

function object(kind: string, name: string, parts: object): KubeObject {
  return { apiVersion: 'v1', kind, metadata: { name, namespace: 'shop', labels: { team: 'a' } }, ...parts };
}

/** A pod with one of everything, all of it in east; in west what is asked for. */
function shop(inWest: readonly KubeObject[] = []): Clusters {
  const spec = {
    serviceAccountName: 'cart',
    imagePullSecrets: [{ name: 'pull' }],
    volumes: [{ name: 'settings', configMap: { name: 'settings' } }],
  };
  const env = [{ name: 'P', valueFrom: { secretKeyRef: { name: 'password', key: 'p' } } }];
  const clusters = twoClusters({ pod: runningPod({ spec, container: { env } }) });
  const objects = [
    object('ServiceAccount', 'cart', { secrets: [{ name: 'cart-token' }], imagePullSecrets: [{ name: 'pull' }] }),
    object('Secret', 'pull', { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': PASSWORD } }),
    object('Secret', 'password', { type: 'Opaque', data: { p: PASSWORD } }),
    object('ConfigMap', 'settings', { data: { mode: 'fast', size: '3' } }),
  ];
  for (const each of objects) clusters.east.seed(resourceOf(each), each);
  for (const each of inWest) clusters.west.seed(resourceOf(each), each);
  return clusters;
}

function resourceOf({ kind }: KubeObject) {
  return kind === 'Secret' ? RESOURCES.secret : kind === 'ConfigMap' ? RESOURCES.configMap : RESOURCES.serviceAccount;
}

function west<T extends KubeObject>(clusters: Clusters, kind: 'secret' | 'configMap' | 'serviceAccount', name: string) {
  return clusters.west.peek<T>(RESOURCES[kind], 'shop', name);
}

const COPY = { request: { copyDependencies: true } };

describe('what the pod refers to', () => {
  it('is an effect each, and is there after the move as in the source', async () => {
    const clusters = shop();
    const { plan: made } = await move(clusters, COPY);
    const applied = made.effects
      .filter(({ verb }) => verb === 'apply')
      .map(({ object: { kind, name } }) => `${kind} ${name}`);
    expect(applied.toSorted()).toEqual(['ConfigMap settings', 'Secret password', 'Secret pull', 'ServiceAccount cart']);
    expect(west<ConfigMap>(clusters, 'configMap', 'settings')).toMatchObject({
      metadata: { labels: { team: 'a' }, namespace: 'shop' },
      data: { mode: 'fast', size: '3' },
    });
    expect(west(clusters, 'secret', 'password')).toMatchObject({ type: 'Opaque', data: { p: PASSWORD } });
    const account = west(clusters, 'serviceAccount', 'cart');
    expect(account).toMatchObject({ imagePullSecrets: [{ name: 'pull' }] });
    expect(account).not.toHaveProperty('secrets');
  });

  it('leaves no value of a Secret in the plan, in a message or in the record', async () => {
    const clusters = shop([object('Secret', 'password', { type: 'Opaque', data: { p: OTHER } })]);
    const messages: unknown[] = [];
    const request = { copyDependencies: true, overwrite: ['secret/password'] };
    const { plan: made } = await move(clusters, { request, onMessage: (message) => messages.push(message) });
    const records = clusters.east.all(RESOURCES.configMap, 'kubectl-migrate');
    expect(records).toHaveLength(1);
    const written = JSON.stringify([made, messages, records]);
    for (const value of [PASSWORD, OTHER, 'correct horse', 'battery staple']) expect(written).not.toContain(value);
    expect(west(clusters, 'secret', 'password')).toMatchObject({ data: { p: PASSWORD } });
  });

  it('goes again when the move fails, and what was overwritten says again what it said', async () => {
    const clusters = shop([
      object('ConfigMap', 'settings', { data: { mode: 'slow', size: '9' } }),
      object('Secret', 'password', { type: 'Opaque', data: { p: OTHER } }),
    ]);
    const was = contents(clusters.west);
    clusters.helpers.target.fail.set('restore', { code: 'tool-failed', summary: 'no', detail: '' });
    const request = { copyDependencies: true, overwrite: ['settings', 'secret/password'] };
    await expect(move(clusters, { request })).rejects.toMatchObject({ outcome: 'failed' });
    expect(contents(clusters.west)).toEqual(was);
  });

  it('goes on naming the move that once made it, when it is overwritten and the move fails', async () => {
    const made = object('ConfigMap', 'settings', { data: { mode: 'slow', only: 'here' } });
    const annotations = { 'kubectl-migrate.io/migration': 'm-earlier', 'example.org/note': 'n' };
    const clusters = shop([{ ...made, metadata: { ...made.metadata, annotations } }]);
    const was = contents(clusters.west);
    clusters.helpers.target.fail.set('restore', { code: 'tool-failed', summary: 'no', detail: '' });
    const request = { copyDependencies: true, overwrite: ['settings'] };
    await expect(move(clusters, { request })).rejects.toMatchObject({ outcome: 'failed' });
    expect(contents(clusters.west)).toEqual(was);
  });

  it('that was changed after the plan was made is not copied', async () => {
    const clusters = shop();
    const made = move(clusters, {
      ...COPY,
      onMessage: ({ step, code }) => {
        if (step !== 'probe' || code !== 'I403') return;
        clusters.east.change<ConfigMap>(RESOURCES.configMap, 'shop', 'settings', (found) => {
          found.data = { mode: 'other' };
        });
      },
    });
    await expect(made).rejects.toMatchObject({ code: 'F344', detail: expect.stringContaining('settings') });
    expect(west(clusters, 'secret', 'password')).toBeUndefined();
  });
});

describe('what differs in the target', () => {
  const differs = [
    object('ServiceAccount', 'cart', { imagePullSecrets: [{ name: 'pull' }] }),
    object('Secret', 'pull', { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': PASSWORD } }),
    object('Secret', 'password', { type: 'Opaque', data: { p: OTHER } }),
    object('ConfigMap', 'settings', { data: { mode: 'slow', size: '3' } }),
  ];

  it('is shown field by field, Secrets as digests, and left alone', async () => {
    const clusters = shop(differs);
    const { plan: made } = await move(clusters, COPY);
    const told = made.warnings.filter(({ code }) => code === 'W209').map(({ what }) => what);
    expect(told).toHaveLength(2);
    expect(told.join('\n')).toMatch(/ConfigMap shop\/settings differs .*: data\.mode: fast -> slow$/m);
    expect(told.join('\n')).toMatch(/Secret shop\/password .*: data\.p: sha256:[0-9a-f]{12} -> sha256:[0-9a-f]{12}$/m);
    expect(made.copies).toEqual([]);
    expect(west(clusters, 'configMap', 'settings')).toMatchObject({ data: { mode: 'slow' } });
  });

  it('is told as not known to whoever may not read it in the source', async () => {
    const clusters = shop(differs);
    clusters.east.faults.add({
      when: ({ path }) => path.includes('/secrets/'),
      fault: { kind: 'status', code: 403, reason: 'Forbidden' },
      times: 9,
    });
    const { warnings } = await plan(clusters);
    const told = warnings
      .filter(({ what }) => what.includes('is not known'))
      .map(({ what }) => what.split(' is in')[0]);
    expect(told.toSorted()).toEqual(['Secret password', 'Secret pull']);
  });

  it('is overwritten by name only, and a name of nothing is refused', async () => {
    const error = await plan(shop(differs), { overwrite: ['nothing'] }).catch((thrown: MigrateError) => thrown);
    expect(error).toMatchObject({ findings: [{ code: 'E112', what: expect.stringContaining('nothing') }] });
    const made = await plan(shop(differs), { overwrite: ['password'] });
    expect(made.copies).toMatchObject([{ kind: 'Secret', name: 'password', act: 'overwrite' }]);
  });

  it('that is a token of the source cluster is never copied', async () => {
    const clusters = shop();
    clusters.east.change(RESOURCES.secret, 'shop', 'password', (found) => {
      found['type'] = 'kubernetes.io/service-account-token';
    });
    const error = await plan(clusters, { copyDependencies: true }).catch((thrown: MigrateError) => thrown);
    expect(error).toMatchObject({ findings: [{ code: 'E110', remedy: expect.stringContaining('token') }] });
  });
});

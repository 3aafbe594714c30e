import { describe, expect, it } from 'vitest';
import { isMigrateError } from '../../../src/domain/errors.ts';
import type { Finding } from '../../../src/domain/finding.ts';
import { MIGRATION_ANNOTATION } from '../../../src/domain/names.ts';
import type { MigrationRequest } from '../../../src/domain/plan.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { namespace, runningPod } from '../../fixtures/objects.ts';
import { type Clusters, plan, twoClusters } from '../../fixtures/two-clusters.ts';

async function refused(clusters: Clusters, parts: Partial<MigrationRequest> = {}): Promise<readonly Finding[]> {
  const error: unknown = await plan(clusters, parts).catch((thrown: unknown) => thrown);
  if (!isMigrateError(error)) throw new Error('the planner let it through');
  return error.findings;
}

describe('a missing dependency', () => {
  it('is told with the command that copies it from the real source', async () => {
    const pod = runningPod({ spec: { volumes: [{ name: 'a', configMap: { name: 'settings' } }] } });
    const clusters = twoClusters({ pod });
    clusters.west.seed(RESOURCES.namespace, namespace('other'));
    const metadata = { name: 'settings', namespace: 'shop' };
    clusters.east.seed(RESOURCES.configMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
    const [found] = await refused(clusters, { targetNamespace: 'other' });
    expect(found).toMatchObject({
      code: 'E110',
      remedy: expect.stringMatching(
        /kubectl --context east -n shop get configmap settings -o yaml \| sed .* \| kubectl --context west -n other create -f -/,
      ),
    });
  });
});

describe('a pod of that name', () => {
  const remove = 'kubectl --context west -n shop delete pod cart-0';

  function taken(state?: string): Clusters {
    const clusters = twoClusters();
    const annotations = { [MIGRATION_ANNOTATION]: 'm-old' };
    clusters.west.seed(RESOURCES.pod, runningPod({ metadata: { annotations } }));
    if (state === undefined) return clusters;
    clusters.east.seed(RESOURCES.namespace, namespace('kubectl-migrate'));
    clusters.east.seed(RESOURCES.configMap, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'm-old', namespace: 'kubectl-migrate' },
      data: { record: '{}', 'entry-0001': '{"state":"running"}', 'entry-0002': JSON.stringify({ state }) },
    });
    return clusters;
  }

  it('of somebody is told with the command that removes it', async () => {
    const clusters = twoClusters();
    clusters.west.seed(RESOURCES.pod, runningPod());
    const [found] = await refused(clusters);
    expect(found).toMatchObject({ code: 'E108', remedy: expect.stringContaining(remove) });
    expect(found?.what).not.toContain('migration');
  });

  it.each([
    ['running', 'has not finished', 'unless that move is still running'],
    ['rollback-incomplete', 'has not finished', 'unless that move is still running'],
    ['done', 'moved it there', '--to-namespace'],
    [undefined, 'no record', 'if it never became ready'],
  ])('that a migration made whose state is %s names it', async (state, what, remedy) => {
    const [found] = await refused(taken(state));
    expect(found?.code).toBe('E108');
    expect(found?.what).toMatch(new RegExp(`migration m-old.*${what}`));
    expect(found?.remedy).toContain(remedy);
    expect(found?.remedy).toContain(remove);
  });

  it('that is the only copy is not to be removed', async () => {
    const [found] = await refused(taken('committed'));
    expect(found).toMatchObject({ code: 'E108', what: expect.stringContaining('m-old') });
    expect(found?.remedy).toContain('do not remove it');
    expect(found?.remedy).not.toContain('delete');
  });

  it('is told without a record that may not be read', async () => {
    const clusters = taken('done');
    const when = ({ path }: { path: string }) => path.endsWith('/configmaps/m-old');
    clusters.east.faults.add({ when, fault: { kind: 'status', code: 403 }, times: 10 });
    expect((await refused(clusters))[0]?.what).toContain('no record');
  });
});

describe('reads of the planner that are forbidden', () => {
  function forbid({ west }: Clusters, verb: string, plural: string, inNamespace: boolean): void {
    const place = inNamespace ? { namespace: 'shop' } : {};
    west.deny.push({ verb, group: '', resource: plural, ...place });
    const end = inNamespace ? `/namespaces/shop/${plural}` : `/v1/${plural}`;
    const when = ({ method, path }: { method: string; path: string }) => method === 'GET' && path.includes(end);
    west.faults.add({ when, fault: { kind: 'status', code: 403 }, times: 100 });
  }

  it('are told all at once, those of dependencies included', async () => {
    const pod = runningPod({ spec: { imagePullSecrets: [{ name: 'pull' }] } });
    const clusters = twoClusters({ pod });
    forbid(clusters, 'list', 'nodes', false);
    forbid(clusters, 'get', 'secrets', true);
    const findings = await refused(clusters);
    expect(findings.map(({ code, what }) => `${code} ${what}`)).toEqual([
      'E140 you may not list nodes of west',
      'E140 you may not get secrets in namespace shop of west',
    ]);
    expect(findings[0]?.remedy).toContain('kubectl --context west auth can-i list nodes');
  });

  it('are told when only a dependency may not be read', async () => {
    const clusters = twoClusters({ pod: runningPod({ spec: { imagePullSecrets: [{ name: 'pull' }] } }) });
    forbid(clusters, 'get', 'secrets', true);
    expect((await refused(clusters)).map(({ code }) => code)).toEqual(['E140']);
  });

  it('stay what they are when the API server says that they are allowed', async () => {
    const clusters = twoClusters();
    const when = ({ path }: { path: string }) => path.endsWith('/nodes');
    clusters.west.faults.add({ when, fault: { kind: 'status', code: 403 }, times: 100 });
    await expect(plan(clusters)).rejects.toMatchObject({ code: 'F313' });
  });
});

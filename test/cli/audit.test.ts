import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Link, linkAfter, linkSchema, NO_LINKS } from '../../src/audit/chain.ts';
import { EXIT } from '../../src/domain/errors.ts';
import { SYSTEM_NAMESPACE } from '../../src/domain/names.ts';
import { journalFolder } from '../../src/journal/file-sink.ts';
import { createReader } from '../../src/kube/client.ts';
import { loadKubeconfig, selectContext } from '../../src/kube/kubeconfig.ts';
import type { ConfigMap } from '../../src/kube/objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { move } from '../fixtures/move.ts';
import { type Served, serveClusters } from '../fixtures/served.ts';
import { type Clusters, twoClusters } from '../fixtures/two-clusters.ts';
import { type Ended, kubectlMigrate } from '../support/cli.ts';

const BOTH = ['--context', 'east', '--to-context', 'west'];

let clusters: Clusters;
let served: Served;

beforeEach(async () => {
  clusters = twoClusters();
  served = await serveClusters(clusters);
  // A move by the commands, from its hold to its end: the record stays until it is cleaned up.
  await move(asServed(clusters), { request: { hold: 1_800_000 } });
  expect(await run('finalize', 'm-test', ...BOTH)).toMatchObject({ code: 0 });
});

afterEach(() => served.close());

/** The clusters by the addresses that the kubeconfig has of them. */
function asServed(unserved: Clusters): Clusters {
  const kubeconfig = loadKubeconfig({ file: served.env['KUBECONFIG'] ?? '' });
  const { clock } = unserved;
  const api = {
    source: { ...unserved.api.source, server: selectContext(kubeconfig, 'east', '--context').cluster.server },
    target: { ...unserved.api.target, server: selectContext(kubeconfig, 'west', '--context').cluster.server },
  };
  return {
    ...unserved,
    api,
    readers: { source: createReader(api.source, clock), target: createReader(api.target, clock) },
  };
}

const run = (...argv: string[]): Promise<Ended> => kubectlMigrate(argv, served.env);
const verify = () => run('audit', 'verify', ...BOTH);

/** Somebody who may change ConfigMaps, and knows how hashes are made, writes both chains anew. */
function rewrite(change: (links: readonly Link[]) => readonly Link[]): void {
  for (const cluster of [clusters.east, clusters.west])
    cluster.change<ConfigMap>(RESOURCES.configMap, SYSTEM_NAMESPACE, 'audit-000001', (map) => {
      const kept = Object.values(map.data ?? {}).map((text) => linkSchema.parse(JSON.parse(text)));
      const links: Link[] = [];
      for (const { entry } of change(kept)) links.push(linkAfter(links.at(-1) ?? NO_LINKS, entry));
      map.data = Object.fromEntries(
        links.map((link) => [`entry-${String(link.seq).padStart(8, '0')}`, JSON.stringify(link)]),
      );
    });
}

describe('the audit record', () => {
  it('is as it was written, and says how much of it there is', async () => {
    expect(await verify()).toMatchObject({
      code: 0,
      stdout: ['east', 'west']
        .map((place) => `${place}: configmaps kubectl-migrate/audit-*: 2 entries, all as they were written\n`)
        .concat(`The audit record is as it was written. Next: kubectl migrate audit list ${BOTH.join(' ')}\n`)
        .join(''),
    });
    expect(await run('cleanup', 'm-test', ...BOTH)).toMatchObject({ code: 0 });
    expect(await verify()).toMatchObject({ code: 0 });
  });

  it.each([
    [
      'its last entry is gone',
      (links: readonly Link[]) => links.slice(0, -1),
      'has no end, and that migration has ended',
    ],
    [
      'its last entry is another one',
      (links: readonly Link[]) =>
        links.with(-1, { ...(links.at(-1) as Link), entry: { ...(links.at(-1) as Link).entry, outcome: 'failed' } }),
      'entry 2 is another one, which the record in east has of m-test',
    ],
    ['nothing is left of it', () => [], 'no entry tells of m-test, of which there is a record'],
  ])('is missed by the record of the move when in both clusters %s', async (_case, change, words) => {
    rewrite(change);
    const { code, stderr } = await verify();
    expect(code).toBe(EXIT.failed);
    for (const place of ['east', 'west']) expect(stderr).toContain(`${place}: configmaps kubectl-migrate/audit-*: `);
    expect(stderr).toContain(words);
  });

  it('is missed by the copy on this machine when the clusters have no record any more', async () => {
    for (const cluster of [clusters.east, clusters.west])
      cluster.remove(RESOURCES.configMap, SYSTEM_NAMESPACE, 'm-test');
    rewrite(() => []);
    const { code, stderr } = await verify();
    expect(code).toBe(EXIT.failed);
    expect(stderr).toContain(`entry 1 is missed, which the record in ${journalFolder(served.env)} has of m-test`);
  });

  it('that is gone with every record of a move is not told to be as it was written', async () => {
    for (const cluster of [clusters.east, clusters.west])
      cluster.remove(RESOURCES.configMap, SYSTEM_NAMESPACE, 'm-test');
    rmSync(journalFolder(served.env), { recursive: true });
    rewrite(() => []);
    const { stdout } = await verify();
    expect(stdout).toContain('east: configmaps kubectl-migrate/audit-*: no entries, and nothing here knows of any\n');
    expect(stdout).toContain('There is no audit record. Next: kubectl migrate audit list');
  });
});

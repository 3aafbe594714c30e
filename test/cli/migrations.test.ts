import { randomUUID } from 'node:crypto';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { beginSession } from '../../cmd/session.ts';
import { EXIT } from '../../src/domain/errors.ts';
import type { Json } from '../../src/domain/json.ts';
import { AUDIT_LABEL, MANAGED_BY, SYSTEM_NAMESPACE } from '../../src/domain/names.ts';
import { createFileSink, journalFolder } from '../../src/journal/file-sink.ts';
import { planDigest } from '../../src/journal/record.ts';
import type { ApiRequest } from '../../src/kube/api-client.ts';
import type { ConfigMap } from '../../src/kube/objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import type { FakeCluster } from '../fakes/fake-cluster.ts';
import { move } from '../fixtures/move.ts';
import { type Served, serveClusters } from '../fixtures/served.ts';
import { type Clusters, contents, isAudit, plan, twoClusters } from '../fixtures/two-clusters.ts';
import { type Ended, kubectlMigrate } from '../support/cli.ts';

const BOTH = ['--context', 'east', '--to-context', 'west'];

let clusters: Clusters;
let served: Served;

beforeEach(async () => {
  clusters = twoClusters();
  served = await serveClusters(clusters);
});

afterEach(() => served.close());

function run(...argv: string[]): Promise<Ended> {
  return kubectlMigrate(argv, served.env);
}

/** A process on another machine that began a move and ended before its first step. */
async function begun(request: Parameters<typeof plan>[1] = {}): Promise<void> {
  const { api, readers, clock } = clusters;
  const session = await beginSession(await plan(clusters, request), {
    source: { api: api.source, reader: readers.source },
    target: { api: api.target, reader: readers.target },
    reporter: { notify: () => undefined, ask: () => Promise.resolve(true) },
    clock,
    copies: [],
    worker: { operation: 'pod', user: 'ann', host: 'desk', version: '0.1.0' },
    newUuid: randomUUID,
    registryFor: () => {
      throw new Error('no registry');
    },
    forceUnlock: false,
    interrupt: new AbortController().signal,
  });
  await session.lock.leave();
}

/** The record as a later version of the program would write it. */
function makeNewer(cluster: FakeCluster): void {
  cluster.change<ConfigMap>(RESOURCES.configMap, 'kubectl-migrate', 'm-test', ({ data = {} }) => {
    data['record'] = JSON.stringify({ ...JSON.parse(data['record'] ?? ''), schemaVersion: 99 });
  });
}

describe('a migration that another machine left', () => {
  it('is found in the clusters: list and status say where it stands and what comes next', async () => {
    await begun();
    const list = await run('list', ...BOTH);
    expect(list).toMatchObject({ code: 0 });
    expect(list.stdout).toMatch(/m-test.*shop\/cart-0.*east\/east-1 -> west\/west-1.*stopped before the commit/);
    expect(list.stdout.trimEnd().split('\n').at(-1)).toContain('kubectl migrate resume m-test');
    const status = await run('status', 'm-test', ...BOTH);
    expect(status).toMatchObject({ code: 0 });
    for (const words of ['ann on desk', 'nobody is at work', 'this one counts']) expect(status.stdout).toContain(words);
    expect(status.stdout.trimEnd().split('\n').at(-1)).toBe(
      'stopped before the commit. Next: kubectl migrate resume m-test',
    );
  });

  it('is of its namespace, in every form', async () => {
    await begun();
    // The audit record lies in the same namespace, and is none of a migration.
    for (const cluster of [clusters.east, clusters.west])
      cluster.seed(RESOURCES.configMap, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: {
          namespace: SYSTEM_NAMESPACE,
          name: 'audit-000001',
          labels: { ...MANAGED_BY, [AUDIT_LABEL]: 'chain' },
        },
      });
    expect(await run('list', ...BOTH, '-o', 'name')).toMatchObject({ stdout: 'm-test\n', stderr: '' });
    expect((await run('list', ...BOTH, '-o', 'wide')).stdout).toMatch(/BEGUN +USER\n.* ann\n/);
    expect((await run('list', ...BOTH, '-n', 'other')).stdout).toBe(
      'No migrations of namespace other. Next: kubectl migrate pod\n',
    );
    expect((await run('list', ...BOTH, '-n', 'other', '-A')).stdout).toContain('m-test');
  });

  it('is said to be left out where its record is of another version, in one line', async () => {
    await begun();
    for (const cluster of [clusters.east, clusters.west]) makeNewer(cluster);
    const { code, stdout, stderr } = await run('list', ...BOTH);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: 'No migrations of namespace shop. Next: kubectl migrate pod\n',
    });
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(
      /not all records can be read, 2 are left out, such as: east: .*m-test has schema version 99/,
    );
  });

  it('is watched until it has ended', async () => {
    await begun();
    const watched = run('status', 'm-test', '--watch', ...BOTH);
    await run('resume', 'm-test', ...BOTH);
    const { code, stdout } = await watched;
    expect(code).toBe(0);
    expect(stdout).toMatch(/m-test running[\s\S]*m-test rolled-back\nled back: the source serves\. Next: /);
  });

  it('is described in JSON with plan and history', async () => {
    await begun();
    const { code, stdout } = await run('describe', 'm-test', ...BOTH, '-o', 'json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      id: 'm-test',
      state: 'running',
      next: 'kubectl migrate resume m-test',
      plan: { source: { pod: 'cart-0' } },
      entries: [],
    });
  });

  it.each(['resume', 'rollback'])('is led back by %s, and nothing of it is left', async (command) => {
    const was = { east: contents(clusters.east), west: contents(clusters.west) };
    await begun({ container: 'app' });
    const { code, stdout } = await run(command, 'm-test', ...BOTH);
    expect(code).toBe(0);
    expect(stdout).toBe(
      'cart-0 serves from east/east-1, as before the move. Next: kubectl migrate pod cart-0 -n shop --context east --to-context west --to-node west-1 -c app\n',
    );
    expect({ east: contents(clusters.east), west: contents(clusters.west) }).toEqual(was);
  });

  it('is not finalized before its commit, and not cleaned up before its end', async () => {
    await begun();
    for (const command of ['finalize', 'cleanup']) {
      const { code, stderr } = await run(command, 'm-test', ...BOTH);
      expect({ command, code }).toEqual({ command, code: EXIT.declined });
      expect(stderr).toMatch(/F373[\s\S]*resume m-test/);
    }
    expect(clusters.east.all(RESOURCES.configMap).filter((each) => !isAudit(each))).toHaveLength(1);
  });

  it('goes with its lock when it is abandoned by that word', async () => {
    await begun();
    expect(await run('cleanup', 'm-test', '--abandon', ...BOTH)).toMatchObject({ code: 0 });
    for (const cluster of [clusters.east, clusters.west]) {
      expect(cluster.all(RESOURCES.configMap)).toEqual([]);
      expect(cluster.all(RESOURCES.lease)).toEqual([]);
    }
  });
});

/** A copy on this machine of a migration that has ended, with the plan of a build that knew nothing of helpers’ sides. */
async function olderCopy(id: string): Promise<void> {
  const { helper, ...rest } = await plan(clusters, {}, id);
  const { sides: _sides, ...older } = helper;
  const recorded = JSON.parse(JSON.stringify({ ...rest, helper: older })) as Json;
  const sink = createFileSink(journalFolder(served.env));
  await sink.create({
    ...{ schemaVersion: 3, id, lineage: randomUUID(), createdAt: '2026-01-01T00:00:00.000Z' },
    ...{ user: 'ann', host: 'desk', version: '0.0.9', plan: recorded, planDigest: planDigest(recorded) },
  });
  await sink.write(id, [{ serial: 1, state: 'rolled-back', entries: [] }]);
}

describe('one that cannot be read among those that have ended', () => {
  const left =
    /m-old is left: F350 record m-old, written by version 0\.0\.9, .*helper\.sides: .*; use version 0\.0\.9 of/;

  beforeEach(async () => {
    await olderCopy('m-old');
    await move(clusters, { copies: [createFileSink(journalFolder(served.env))] });
    writeFileSync(path.join(journalFolder(served.env), 'm-torn.ndjson'), 'no JSON\n');
  });

  it('is named with its code and left when all are cleaned up, and the others go', async () => {
    const { code, stdout, stderr } = await run('cleanup', '--all-finished', ...BOTH);
    expect({ code, stdout }).toEqual({
      code: EXIT.failed,
      stdout: 'Removed: m-test. Left: m-torn, m-old. Next: kubectl migrate list\n',
    });
    expect(stderr).toMatch(left);
    expect(stderr).toMatch(/m-torn is left: F350 .*m-torn\.ndjson holds a line that is not one of a record/);
    expect(clusters.east.all(RESOURCES.configMap).filter((each) => !isAudit(each))).toEqual([]);
    expect(readdirSync(journalFolder(served.env)).toSorted()).toEqual(['m-old.ndjson', 'm-torn.ndjson']);
  });

  it('is told in JSON too, and stdout stays the result', async () => {
    const { code, stdout, stderr } = await run('cleanup', '--all-finished', ...BOTH, '-o', 'json');
    expect(code).toBe(EXIT.failed);
    expect(JSON.parse(stdout)).toMatchObject({
      removed: ['m-test'],
      left: [
        { id: 'm-torn', code: 'F350' },
        { id: 'm-old', code: 'F350' },
      ],
    });
    expect(stderr).toMatch(left);
  });

  it('is perhaps in a place that may not be asked, which is told as well', async () => {
    const when = ({ method, path }: ApiRequest) => method === 'GET' && path.endsWith('/configmaps');
    clusters.west.faults.add({ when, fault: { kind: 'status', code: 403, reason: 'Forbidden' } });
    rmSync(journalFolder(served.env), { recursive: true });
    const { code, stdout, stderr } = await run('cleanup', '--all-finished', ...BOTH);
    expect({ code, stdout }).toEqual({ code: EXIT.failed, stdout: 'Removed: m-test. Next: kubectl migrate list\n' });
    expect(stderr).toMatch(/west: .*configmaps/);
  });

  it('is left out of the list, which shows the others, and is an F350 where it is asked for', async () => {
    const list = await run('list', ...BOTH);
    expect(list.code).toBe(0);
    expect(list.stdout).toMatch(/^m-test /m);
    expect(list.stdout).not.toContain('m-old');
    expect(list.stderr.trim().split('\n')).toHaveLength(1);
    expect(await run('status', ...BOTH)).toMatchObject({ code: 0 });
    const status = await run('status', 'm-old', ...BOTH);
    expect(status).toMatchObject({
      code: EXIT.failed,
      stdout: '',
      stderr: expect.stringMatching(/F350[\s\S]*0\.0\.9/),
    });
  });
});

describe('an id', () => {
  it('that nobody knows is F374, with the places that were asked', async () => {
    const { code, stderr } = await run('status', 'm-nobody', ...BOTH);
    expect(code).toBe(EXIT.usage);
    expect(stderr).toMatch(/F374[\s\S]*east: configmap[\s\S]*west: configmap[\s\S]*--to-context/);
  });

  it.each([
    [['resume'], 'which migration'],
    [['report'], 'which migration'],
    [['status', '../x'], 'is not the id of a migration'],
    [['cleanup', 'm-one', '--all-finished'], 'not both'],
  ])('%j is complained about', async (argv, words) => {
    const { code, stderr } = await run(...argv);
    expect(code).toBe(EXIT.usage);
    expect(stderr).toContain(words);
  });
});

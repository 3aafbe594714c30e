import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuditEntry } from '../../src/audit/entry.ts';
import { EXIT } from '../../src/domain/errors.ts';
import type { ConfigMap } from '../../src/kube/objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import type { FakeCluster } from '../fakes/fake-cluster.ts';
import { leaveBegun, move } from '../fixtures/move.ts';
import { type Served, serveClusters } from '../fixtures/served.ts';
import { type Clusters, isAudit, twoClusters } from '../fixtures/two-clusters.ts';
import { type Ended, kubectlMigrate } from '../support/cli.ts';

const BOTH = ['--context', 'east', '--to-context', 'west'];

let clusters: Clusters;
let served: Served;

beforeEach(async () => {
  clusters = twoClusters();
  served = await serveClusters(clusters);
});

afterEach(() => served.close());

const run = (...argv: string[]): Promise<Ended> => kubectlMigrate(argv, served.env);
const lastLine = (text: string) => text.trimEnd().split('\n').at(-1);

/** What both clusters tell alike, oldest first. */
async function told(): Promise<
  Pick<AuditEntry, 'action' | 'event' | 'migration' | 'takenFrom' | 'outcome' | 'code'>[]
> {
  expect(await run('audit', 'verify', ...BOTH)).toMatchObject({ code: 0 });
  const { stdout } = await run('audit', 'list', ...BOTH, '-o', 'json');
  const [east, west] = JSON.parse(stdout).chains.map(({ links }: { links: { entry: AuditEntry }[] }) =>
    links.map(({ entry }) => entry),
  );
  expect(east).toEqual(west);
  return east.map(({ action, event, migration, takenFrom, outcome, code }: AuditEntry) => ({
    ...{ action, event, migration },
    ...(takenFrom && { takenFrom }),
    ...(outcome !== undefined && { outcome }),
    ...(code !== undefined && { code }),
  }));
}

const lockOf = (cluster: FakeCluster) => cluster.all(RESOURCES.lease)[0];

describe('a lock that is taken from another migration', () => {
  it('is an act of its own, told of in both clusters before the act that needs it', async () => {
    await leaveBegun(clusters, { id: 'm-one' });
    await leaveBegun(clusters, { id: 'm-two', request: { forceUnlock: true } });
    expect(await run('resume', 'm-one', ...BOTH)).toMatchObject({ code: EXIT.locked });
    expect(await told()).toEqual([]);
    expect(await run('resume', 'm-one', '--force-unlock', ...BOTH)).toMatchObject({ code: 0 });
    const taking = { action: 'force-unlock', migration: 'm-one', takenFrom: ['m-two'] };
    const resuming = { action: 'resume', migration: 'm-one' };
    expect(await told()).toEqual([
      { ...taking, event: 'begun' },
      { ...taking, event: 'ended', outcome: 'done' },
      { ...resuming, event: 'begun' },
      { ...resuming, event: 'ended', outcome: 'done' },
    ]);
    const { stdout } = await run('audit', 'list', ...BOTH);
    expect(stdout).toMatch(/force-unlock +ended +m-one +cart-0 +done, lock of m-two$/m);
  });

  it('for a move that begins with it is told of as well', async () => {
    await leaveBegun(clusters, { id: 'm-one' });
    // But for the target pod, about which the planner asks, no pod may be made: that the move begins is enough.
    const when = ({ method, path: to }: { method: string; path: string }) => method === 'POST' && to.endsWith('/pods');
    for (const cluster of [clusters.east, clusters.west])
      cluster.faults.add({ when, fault: { kind: 'status', code: 422, reason: 'Invalid' }, from: 2, times: 10 });
    await run('pod', 'cart-0', '--to-context', 'west', '--yes', '--force-unlock');
    const entries = await told();
    expect(entries.map(({ action, event }) => `${action} ${event}`)).toEqual([
      'force-unlock begun',
      'force-unlock ended',
      'migrate begun',
      'migrate ended',
    ]);
    expect(entries[0]).toMatchObject({ takenFrom: ['m-one'], migration: entries[2]?.migration });
  });

  it('is not where nobody has it, or the migration had it itself', async () => {
    await leaveBegun(clusters, { id: 'm-one' });
    expect(await run('resume', 'm-one', '--force-unlock', ...BOTH)).toMatchObject({ code: 0 });
    expect((await told()).map(({ action }) => action)).toEqual(['resume', 'resume']);
  });

  it('stays where that cannot be told of', async () => {
    await leaveBegun(clusters, { id: 'm-one' });
    await leaveBegun(clusters, { id: 'm-two', request: { forceUnlock: true } });
    const when = ({ method, path: to }: { method: string; path: string }) =>
      method === 'POST' && to.endsWith('/configmaps');
    clusters.west.faults.add({ when, fault: { kind: 'status', code: 403, reason: 'Forbidden' }, times: 10 });
    const { code, stderr } = await run('resume', 'm-one', '--force-unlock', ...BOTH);
    expect({ code, stderr }).toEqual({ code: EXIT.failed, stderr: expect.stringContaining('F351') });
    for (const cluster of [clusters.east, clusters.west])
      expect(lockOf(cluster)?.metadata.labels?.['kubectl-migrate.io/migration']).toBe('m-two');
  });
});

describe('a lock of a migration that holds its source', () => {
  const hold = 3_600_000;

  it('is not taken by force, for nobody has to be at work on it, until it is given up', async () => {
    await leaveBegun(clusters, { id: 'm-one' });
    const { state } = await move(clusters, { id: 'm-two', request: { hold, forceUnlock: true } });
    expect(state).toBe('held');
    const taking = await run('resume', 'm-one', '--force-unlock', ...BOTH);
    expect(taking).toMatchObject({ code: EXIT.locked, stderr: expect.stringContaining('F370') });
    expect(taking.stderr).toContain('kubectl migrate finalize m-two');
    for (const cluster of [clusters.east, clusters.west])
      expect(lockOf(cluster)?.metadata.labels?.['kubectl-migrate.io/migration']).toBe('m-two');
    expect(await run('cleanup', 'm-two', '--abandon', ...BOTH)).toMatchObject({ code: 0 });
    expect(await run('status', 'm-one', ...BOTH)).toMatchObject({ code: 0 });
    expect(lockOf(clusters.west)).toBeUndefined();
  });

  it('is not taken by force either when it is committed after it was looked at', async () => {
    await leaveBegun(clusters, { id: 'm-one' });
    await move(clusters, { id: 'm-two', request: { hold, forceUnlock: true } });
    const both = [clusters.east, clusters.west];
    const later = both.map((cluster) => beforeItsCommit(cluster, 'm-two'));
    clusters.west.faults.add({
      when: ({ method, body }) => {
        if (method !== 'GET' && JSON.stringify(body ?? '').includes('force-unlock')) for (const go of later) go();
        return false;
      },
      fault: { kind: 'refused' },
    });
    const taking = await run('resume', 'm-one', '--force-unlock', ...BOTH);
    expect(taking).toMatchObject({ code: EXIT.locked, stderr: expect.stringContaining('m-two holds its source') });
    for (const cluster of both)
      expect(lockOf(cluster)?.metadata.labels?.['kubectl-migrate.io/migration']).toBe('m-two');
  });
});

describe('a lock of a migration that is committed and has not ended', () => {
  it('is not taken by force: what was begun before it would let its source go on beside its target', async () => {
    const { helpers, east, west } = clusters;
    await leaveBegun(clusters, { id: 'm-one' });
    helpers.target.on = () => undefined;
    // The target does not become ready.
    await expect(move(clusters, { id: 'm-two', request: { forceUnlock: true } })).rejects.toMatchObject({
      code: 'F391',
    });
    for (const command of ['resume', 'rollback']) {
      const taking = await run(command, 'm-one', '--force-unlock', ...BOTH);
      expect(taking).toMatchObject({ code: EXIT.locked, stderr: expect.stringContaining('F370') });
      expect(taking.stderr).toContain('kubectl migrate resume m-two');
    }
    for (const cluster of [east, west])
      expect(lockOf(cluster)?.metadata.labels?.['kubectl-migrate.io/migration']).toBe('m-two');
  });
});

/** Takes a record back to what it was before the commit; yields what makes it again what it is. */
function beforeItsCommit(cluster: FakeCluster, id: string): () => void {
  const become = (data: Record<string, string>) =>
    cluster.change<ConfigMap>(RESOURCES.configMap, 'kubectl-migrate', id, (record) => Object.assign(record, { data }));
  const held = { ...cluster.peek<ConfigMap>(RESOURCES.configMap, 'kubectl-migrate', id)?.data };
  const keys = Object.keys(held).toSorted();
  const first = keys.findIndex((key) => held[key]?.includes('"kind":"commit"'));
  expect(first).toBeGreaterThan(0);
  const gone = keys.slice(first).filter((key) => key.startsWith('entry-'));
  become(Object.fromEntries(Object.entries(held).filter(([key]) => !gone.includes(key))));
  return () => become(held);
}

describe('a migration that is given up', () => {
  it('is told of in both clusters', async () => {
    await leaveBegun(clusters, { id: 'm-one' });
    expect(await run('cleanup', 'm-one', '--abandon', ...BOTH)).toMatchObject({ code: 0 });
    const giving = { action: 'abandon', migration: 'm-one' };
    expect(await told()).toEqual([
      { ...giving, event: 'begun' },
      { ...giving, event: 'ended', outcome: 'done' },
    ]);
  });

  it('is told of with its refusal while another one has its lock, and its record stays', async () => {
    await leaveBegun(clusters, { id: 'm-one' });
    await leaveBegun(clusters, { id: 'm-two', request: { forceUnlock: true } });
    expect(await run('cleanup', 'm-one', '--abandon', ...BOTH)).toMatchObject({ code: EXIT.locked });
    expect((await told()).at(-1)).toMatchObject({ action: 'abandon', event: 'ended', outcome: 'locked', code: 'F370' });
    const records = clusters.east.all(RESOURCES.configMap).filter((each) => !isAudit(each));
    expect(records.map(({ metadata }) => metadata.name)).toContain('m-one');
  });
});

describe('the last line', () => {
  it('of a list says how many there are, and what comes next', async () => {
    expect(await run('audit', 'list', '--context', 'east')).toMatchObject({
      stdout: 'No entries in east. Next: kubectl migrate audit verify --context east\n',
    });
    await leaveBegun(clusters, { id: 'm-one' });
    await run('resume', 'm-one', ...BOTH);
    const { stdout } = await run('audit', 'list', ...BOTH);
    expect(lastLine(stdout)).toBe(
      'Entries: 2 in east, 2 in west. Next: kubectl migrate audit verify --context east --to-context west',
    );
  });

  it('of a verdict says that all is as it was written, and what comes next', async () => {
    await leaveBegun(clusters, { id: 'm-one' });
    await run('resume', 'm-one', ...BOTH);
    const { stdout } = await run('audit', 'verify', ...BOTH);
    expect(lastLine(stdout)).toBe(
      'The audit record is as it was written. Next: kubectl migrate audit list --context east --to-context west',
    );
    const file = path.join(served.folder, 'audit.json');
    writeFileSync(file, (await run('audit', 'list', ...BOTH, '-o', 'json')).stdout);
    const kept = await run('audit', 'verify', '-f', file);
    expect(lastLine(kept.stdout)).toBe('The audit record is as it was written. Next: kubectl migrate audit verify');
    expect((await run('audit', 'verify', '-f', file, '-o', 'json')).stdout).not.toContain('Next:');
  });
});

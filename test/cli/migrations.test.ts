import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { beginSession, type Session } from '../../cmd/session.ts';
import { EXIT, MigrateError } from '../../src/domain/errors.ts';
import type { Json } from '../../src/domain/json.ts';
import { AUDIT_LABEL, MANAGED_BY, SYSTEM_NAMESPACE } from '../../src/domain/names.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { createFileSink, journalFolder } from '../../src/journal/file-sink.ts';
import type { JournalSink } from '../../src/journal/ports.ts';
import { planDigest } from '../../src/journal/record.ts';
import type { ApiRequest } from '../../src/kube/api-client.ts';
import type { ConfigMap, Lease } from '../../src/kube/objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import type { FakeCluster } from '../fakes/fake-cluster.ts';
import { move } from '../fixtures/move.ts';
import { runningPod } from '../fixtures/objects.ts';
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

/** A plan as it is made with the kubeconfig of `served`. */
function atServed(made: Plan): Plan {
  const { clusters: entries } = JSON.parse(readFileSync(served.env['KUBECONFIG'] ?? '', 'utf8')) as {
    clusters: { name: string; cluster: { server: string } }[];
  };
  const server = (context: string) => entries.find(({ name }) => name === context)?.cluster.server ?? '';
  return {
    ...made,
    source: { ...made.source, server: server('east') },
    target: { ...made.target, server: server('west') },
  };
}

/** A process on another machine, or one with `copies`, that began a move and ended before its first step. */
async function begun(request: Parameters<typeof plan>[1] = {}, copies: readonly JournalSink[] = []): Promise<Session> {
  const session = await begin(request, copies);
  await session.lock.leave();
  return session;
}

/** A process that is at work on the move that it began. */
async function begin(request: Parameters<typeof plan>[1] = {}, copies: readonly JournalSink[] = []): Promise<Session> {
  const { api, readers, clock } = clusters;
  return beginSession(atServed(await plan(clusters, request)), {
    source: { api: api.source, reader: readers.source },
    target: { api: api.target, reader: readers.target },
    reporter: { notify: () => undefined, ask: () => Promise.resolve(true) },
    clock,
    copies,
    worker: { operation: 'pod', user: 'ann', host: 'desk', version: '0.1.0' },
    newUuid: randomUUID,
    registryFor: () => {
      throw new Error('no registry');
    },
    forceUnlock: false,
    interrupt: new AbortController().signal,
  });
}

const localCopy = () => createFileSink(journalFolder(served.env));

/** Another machine, which has no copy of any record. */
const elsewhere = (...argv: string[]): Promise<Ended> =>
  kubectlMigrate(argv, { ...served.env, XDG_STATE_HOME: path.join(served.folder, 'elsewhere') });

/** The kubeconfig without one of its contexts. */
function forgetContext(gone: string): void {
  const file = served.env['KUBECONFIG'] ?? '';
  const { contexts, ...rest } = JSON.parse(readFileSync(file, 'utf8')) as { contexts: { name: string }[] };
  writeFileSync(file, JSON.stringify({ ...rest, contexts: contexts.filter(({ name }) => name !== gone) }));
}

/** As soon as the record that decides is gone, the last that a way back takes away. */
function atForgotten(act: () => void): void {
  clusters.east.onChange((type, { kind, metadata }) => {
    if (type === 'DELETED' && kind === 'ConfigMap' && metadata.name === 'm-test') act();
  });
}

const lastLine = (text: string) => text.trimEnd().split('\n').at(-1);

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

  it('is not said to be as before where somebody removed the source meanwhile', async () => {
    await begun();
    clusters.east.remove(RESOURCES.pod, 'shop', 'cart-0');
    expect(await run('resume', 'm-test', ...BOTH)).toMatchObject({
      code: 0,
      stdout:
        'pod shop/cart-0 was removed; nothing of the move is left. Next: kubectl --context east -n shop get pods\n',
    });
  });

  it('is led back whole where somebody interrupts the last of it', async () => {
    await begun();
    const interrupt = new AbortController();
    const reason = new MigrateError('F306', { detail: 'SIGINT received', remedy: 'again', outcome: 'interrupted' });
    atForgotten(() => interrupt.abort(reason));
    const ended = await kubectlMigrate(['resume', 'm-test', ...BOTH], served.env, interrupt.signal);
    expect(interrupt.signal.aborted).toBe(true);
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining('serves from east/east-1, as before') });
  });

  it('is led back whole where the source cannot be looked at in the end, and that is said', async () => {
    await begun();
    const when = ({ method, path: to }: ApiRequest) => method === 'GET' && to.endsWith('/shop/pods/cart-0');
    atForgotten(() => clusters.east.faults.add({ when, fault: { kind: 'status', code: 403 }, times: 99 }));
    const { code, stdout } = await run('resume', 'm-test', ...BOTH, '-o', 'json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ending: 'led-back',
      state: expect.stringMatching(
        /^what has become of pod shop\/cart-0 is not known: .*; nothing of the move is left\.$/,
      ),
      next: 'kubectl --context east -n shop get pods',
    });
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
      expect(cluster.all(RESOURCES.configMap).filter((each) => !isAudit(each))).toEqual([]);
      expect(cluster.all(RESOURCES.lease)).toEqual([]);
    }
  });
});

describe.each(['east', 'west'] as const)('one whose cluster %s is gone for good', (gone) => {
  const other = () => (gone === 'east' ? clusters.west : clusters.east);

  it('is given up all the same, with what is left in the other cluster', async () => {
    await begun({}, [localCopy()]);
    forgetContext(gone);
    const { code, stderr } = await run('cleanup', 'm-test', '--abandon');
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining(`${gone} cannot be asked`) });
    expect(other().all(RESOURCES.lease)).toEqual([]);
    expect(
      other()
        .all(RESOURCES.configMap)
        .filter((each) => !isAudit(each)),
    ).toEqual([]);
    expect(await localCopy().load('m-test')).toBeUndefined();
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

describe('a migration that another machine has ended', () => {
  const ended = /ended by 'rollback' of .* on .*, \d{4}-.*Z\. Next: kubectl migrate cleanup m-test$/;

  beforeEach(async () => {
    const { journal } = await begun({}, [localCopy()]);
    await journal.append([{ step: 'helpers', kind: 'intent', data: null }]);
  });

  it('is said to have ended, by the audit records of its clusters', async () => {
    expect(await elsewhere('rollback', 'm-test', ...BOTH)).toMatchObject({ code: 0 });
    const status = await run('status', 'm-test', ...BOTH);
    expect(status.code).toBe(0);
    expect(lastLine(status.stdout)).toMatch(ended);
    const list = await run('list', ...BOTH);
    expect(list.stdout).toMatch(/^m-test .* ended by 'rollback'/m);
    expect(lastLine(list.stdout)).toBe('All of them have ended. Next: kubectl migrate cleanup --all-finished');
    expect((await run('status', ...BOTH)).stdout).not.toContain('m-test');
    expect((await run('status', 'm-test', '--watch', ...BOTH)).stdout.trimEnd()).toMatch(ended);
    const described = JSON.parse((await run('describe', 'm-test', ...BOTH, '-o', 'json')).stdout);
    expect(described).toMatchObject({ ended: { action: 'rollback' }, next: 'kubectl migrate cleanup m-test' });
  });

  it.each(['rollback', 'resume'])('leaves nothing to do for %s', async (command) => {
    await elsewhere('rollback', 'm-test', ...BOTH);
    const was = { east: contents(clusters.east), west: contents(clusters.west) };
    const { code, stdout } = await run(command, 'm-test', ...BOTH);
    expect(code).toBe(0);
    expect(stdout.trimEnd()).toMatch(ended);
    expect({ east: contents(clusters.east), west: contents(clusters.west) }).toEqual(was);
  });

  it('is not what somebody wants who asks for another end', async () => {
    await elsewhere('rollback', 'm-test', ...BOTH);
    const { code, stderr } = await run('finalize', 'm-test', ...BOTH);
    expect(code).toBe(EXIT.declined);
    expect(stderr).toMatch(/F373[\s\S]*ended by 'rollback'[\s\S]*cleanup m-test/);
  });

  it.each(['resume', 'rollback'])('cannot be brought to its end by %s where that one gave it up', async (command) => {
    await elsewhere('cleanup', 'm-test', '--abandon', ...BOTH);
    const { code, stderr } = await run(command, 'm-test', ...BOTH);
    expect(code).toBe(EXIT.declined);
    expect(stderr).toMatch(/F373[\s\S]*ended by 'abandon'[\s\S]*cleanup m-test/);
    expect(await run('cleanup', 'm-test', ...BOTH)).toMatchObject({ code: 0 });
    expect(readdirSync(journalFolder(served.env))).toEqual([]);
  });

  it.each([['m-test'], ['--all-finished']])('goes from this machine with cleanup %s', async (what) => {
    await elsewhere('resume', 'm-test', ...BOTH);
    expect(await run('cleanup', what, ...BOTH)).toMatchObject({
      code: 0,
      stdout: 'Removed: m-test. Next: kubectl migrate list\n',
    });
    expect(readdirSync(journalFolder(served.env))).toEqual([]);
  });

  it('is not believed to have ended because its record is gone', async () => {
    for (const cluster of [clusters.east, clusters.west])
      cluster.remove(RESOURCES.configMap, SYSTEM_NAMESPACE, 'm-test');
    expect(lastLine((await run('status', 'm-test', ...BOTH)).stdout)).toContain('Next: kubectl migrate resume m-test');
    expect(await run('resume', 'm-test', ...BOTH)).toMatchObject({
      code: EXIT.midway,
      stderr: expect.stringMatching(/F372[\s\S]*cleanup m-test --abandon/),
    });
    expect(await run('cleanup', 'm-test', ...BOTH)).toMatchObject({ code: EXIT.declined });
    expect((await run('cleanup', '--all-finished', ...BOTH)).stdout).not.toContain('m-test');
  });
});

describe('a copy on this machine', () => {
  it('that is damaged keeps nobody from anything, and is written anew', async () => {
    await begun({}, [localCopy()]);
    const file = path.join(journalFolder(served.env), 'm-test.ndjson');
    writeFileSync(file, 'rubbish\n');
    expect(await run('status', 'm-test', ...BOTH)).toMatchObject({ code: 0 });
    const { code, stderr } = await run('resume', 'm-test', ...BOTH);
    expect(code).toBe(0);
    expect(stderr).toMatch(/m-test\.ndjson holds a line that is not one of a record; what was there is .*\.aside/);
    expect(await localCopy().load('m-test')).toMatchObject({ state: 'rolled-back' });
    expect(readFileSync(`${file}.aside`, 'utf8')).toBe('rubbish\n');
  });

  it('that is damaged goes with what it is a copy of, and is not said to be left', async () => {
    await move(clusters, { copies: [localCopy()] });
    writeFileSync(path.join(journalFolder(served.env), 'm-test.ndjson'), 'rubbish\n');
    expect(await run('cleanup', '--all-finished', ...BOTH)).toMatchObject({
      code: 0,
      stdout: 'Removed: m-test. Next: kubectl migrate list\n',
    });
    expect(readdirSync(journalFolder(served.env))).toEqual([]);
  });

  it('that says more than the record that counts is not what is shown', async () => {
    const { journal } = await begun({}, [localCopy()]);
    await journal.commit();
    await journal.close('done');
    await expect.poll(async () => (await localCopy().load('m-test'))?.state).toBe('done');
    const copy = localCopy();
    await copy.load('m-test');
    await copy.write('m-test', [{ serial: 3, state: 'rollback-incomplete', entries: [] }]);
    for (const words of [['list'], ['status', 'm-test']])
      expect((await run(...words, ...BOTH)).stdout).toContain('moved: the target serves');
  });
});

describe('a context that the kubeconfig has no more', () => {
  it('is a cluster that cannot be asked: status says so and goes on', async () => {
    await begun({}, [localCopy()]);
    forgetContext('west');
    const { code, stdout, stderr } = await run('status', 'm-test');
    expect(code).toBe(0);
    expect(stderr).toMatch(/no context of .* leads to .*, which was west.*; name .* with --to-context/);
    expect(lastLine(stdout)).toBe('stopped before the commit. Next: kubectl migrate resume m-test');
  });

  it.each(['resume', 'rollback'])(
    'of the target is told by %s, which says what it could not take back',
    async (command) => {
      await begun({}, [localCopy()]);
      forgetContext('west');
      const { code, stderr } = await run(command, 'm-test');
      expect(code).toBe(EXIT.rollbackIncomplete);
      expect(stderr).toMatch(/F390[\s\S]*F310|F390[\s\S]*cannot be reached/);
      expect(stderr).toContain('--to-context');
    },
  );

  it.each(['resume', 'rollback'])(
    'of the source leaves open whether the move is committed, says %s',
    async (command) => {
      await begun({}, [localCopy()]);
      forgetContext('east');
      const { code, stderr } = await run(command, 'm-test');
      expect(code).toBe(EXIT.midway);
      expect(stderr).toMatch(/whether m-test is committed only east knows/);
    },
  );

  it('of both sides leaves nobody to ask', async () => {
    await begun({}, [localCopy()]);
    forgetContext('east');
    forgetContext('west');
    expect(await run('status', 'm-test')).toMatchObject({
      code: EXIT.failed,
      stderr: expect.stringMatching(/F302[\s\S]*--context/),
    });
  });
});

describe('a process that forgets its migration', () => {
  const signal = new AbortController().signal;
  const state = () => ({ east: contents(clusters.east), west: contents(clusters.west) });

  it('leaves everything to whoever has taken that up since', async () => {
    const session = await begun();
    clusters.east.change<ConfigMap>(RESOURCES.configMap, SYSTEM_NAMESPACE, 'm-test', (object) => {
      object.data = { ...object.data, 'entry-0001': 'theirs' };
    });
    const was = state();
    await expect(session.forget(signal)).rejects.toMatchObject({ code: 'F315' });
    expect(state()).toEqual(was);
  });

  it('removes what is withheld while it has its lock, and takes its own removal of that for no loss', async () => {
    clusters = twoClusters({ pod: runningPod({ container: { env: [{ name: 'PASSWORD', value: 'correct horse' }] } }) });
    const session = await begin();
    await clusters.clock.sleep(60_000);
    clusters.west.faults.add({
      when: ({ method, path: to }) => method === 'PATCH' && to.includes('/leases/'),
      fault: { kind: 'slow', ms: 50 },
    });
    await session.forget(signal);
    expect(session.lock.lost.aborted).toBe(false);
    for (const { calls } of [clusters.east, clusters.west]) {
      const deleted = calls.filter(({ method }) => method === 'DELETE').map(({ path: to }) => to.split('/').at(-2));
      expect(deleted.slice(0, 2)).toEqual(['secrets', 'leases']);
    }
  });

  it('that the audit record cannot tell of says so, and leaves its lock, although not all of it can be removed', async () => {
    const session = await begin();
    const refused = { fault: { kind: 'status', code: 403 }, times: 100 } as const;
    clusters.east.faults.add({
      when: ({ method, path: to }) => method === 'POST' && to.endsWith('/configmaps'),
      ...refused,
    });
    clusters.east.faults.add({
      when: ({ method, path: to }) => method === 'GET' && to.endsWith('/m-test'),
      ...refused,
    });
    const act = vi.fn();
    await expect(session.onTheRecord('migrate', act)).rejects.toMatchObject({
      code: 'F351',
      detail: expect.stringContaining('what was made for it could not be removed: '),
      remedy: expect.stringContaining('rollback m-test'),
    });
    expect(act).not.toHaveBeenCalled();
    for (const cluster of [clusters.east, clusters.west])
      expect(cluster.all(RESOURCES.lease).map((lease) => (lease as Lease).spec?.holderIdentity ?? 'nobody')).toEqual([
        'nobody',
      ]);
  });

  it('knows its own write although the answer to that was lost', async () => {
    const session = await begun();
    clusters.east.faults.add({ when: ({ method }) => method === 'PATCH', fault: { kind: 'answer-lost' } });
    clusters.east.faults.add({
      when: ({ method }) => method === 'GET',
      fault: { kind: 'status', code: 403 },
    });
    await expect(session.journal.close('rolled-back')).rejects.toMatchObject({ code: 'F313' });
    clusters.east.faults.clear();
    await session.forget(signal);
    for (const cluster of [clusters.east, clusters.west])
      expect(cluster.peek(RESOURCES.configMap, SYSTEM_NAMESPACE, 'm-test')).toBeUndefined();
  });
});

import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { isMigrateError } from '../../../src/domain/errors.ts';
import type { Json } from '../../../src/domain/json.ts';
import type { RecordState } from '../../../src/domain/standing.ts';
import { createFileSink } from '../../../src/journal/file-sink.ts';
import { createJournalStore } from '../../../src/journal/journal-store.ts';
import type { JournalSink, NewEntry } from '../../../src/journal/ports.ts';
import type { JournalRecord } from '../../../src/journal/record.ts';
import { systemClock } from '../../../src/kube/clock.ts';
import type { ConfigMap } from '../../../src/kube/objects.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { configMapSink } from '../../contract/config-map-place.ts';
import { FakeCluster } from '../../fakes/fake-cluster.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const ID = 'cart-0-x1';
const start = { id: ID, plan: { pod: 'cart-0' } as Json, user: 'ann', host: 'desk', version: '0.1.0' };
const LINEAGE = '6f1cbd9e-8a52-4c3f-9a35-0f1f6f0a7c11';

let folder: string;
let cluster: FakeCluster;
let aside: string[];
beforeEach(() => {
  folder = temporaryFolder();
  cluster = new FakeCluster({ clock: systemClock });
  cluster.seed(RESOURCES.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'suite' } });
  aside = [];
});

const authority = () => configMapSink(cluster.client('source', 'east', 500), 'suite');
const local = () => createFileSink(folder);
const storeOf = (copies: readonly JournalSink[] = [local()]) =>
  createJournalStore({
    authority: authority(),
    copies,
    clock: systemClock,
    newUuid: () => LINEAGE,
    onSetAside: (place) => aside.push(place),
  });
const file = () => path.join(folder, `${ID}.ndjson`);
const reopen = async (copies?: readonly JournalSink[]): Promise<JournalRecord | undefined> =>
  (await storeOf(copies).reopen(ID))?.record();
const failureOf = (act: Promise<unknown>): Promise<unknown> =>
  act.then(
    () => undefined,
    (error: unknown) => error,
  );
const said = (record: JournalRecord | undefined) => [
  record?.state,
  ...(record?.entries.map(({ step, kind }) => `${step} ${kind}`) ?? []),
];

/** What a process on this machine wrote to one of the places alone. */
async function only(sink: JournalSink, ...writes: readonly (readonly NewEntry[] | RecordState)[]): Promise<void> {
  const store = createJournalStore({ authority: sink, copies: [], clock: systemClock, newUuid: () => LINEAGE });
  const journal = await store.reopen(ID);
  for (const write of writes) {
    if (write === 'committed') await journal?.commit();
    else if (typeof write === 'string') await journal?.close(write);
    else await journal?.append(write);
  }
}

const intent: NewEntry = { step: 'freeze', kind: 'intent' };
const done: NewEntry = { step: 'freeze', kind: 'done' };
const back: NewEntry = { step: 'freeze', kind: 'revert-intent' };
const taken: NewEntry = { step: 'lock', kind: 'resumed' };

async function begun(plan: Json = start.plan): Promise<void> {
  const journal = await storeOf().open({ ...start, plan });
  await journal.append([intent]);
}

describe('a copy that has more than the authority', () => {
  it('counts where the authority is the beginning of it', async () => {
    await begun();
    await only(local(), [done]);
    expect(said(await reopen())).toEqual(['running', 'freeze intent', 'freeze done']);
    expect(said(await storeOf([]).load(ID))).toEqual(['running', 'freeze intent', 'freeze done']);
    expect(aside).toEqual([]);
  });

  it.each<[string, readonly (readonly NewEntry[])[]]>([
    ['as long as the authority', [[back]]],
    ['longer', [[back], [done], [back]]],
  ])('%s never takes back a commit, and is written anew', async (_name, writes) => {
    await begun();
    await only(authority(), 'committed');
    await only(local(), ...writes);
    expect(said(await storeOf().load(ID))).toEqual(['committed', 'freeze intent', 'commit commit']);
    const record = await reopen();
    expect(said(record)).toEqual(['committed', 'freeze intent', 'commit commit']);
    expect(aside).toEqual([folder]);
    expect(await local().load(ID)).toEqual(record);
    expect(await readFile(`${file()}.aside`, 'utf8')).toContain('revert-intent');
  });

  it('does not count where another process has taken the migration up since', async () => {
    await begun();
    await only(authority(), [taken]);
    await only(local(), [done], [back]);
    expect(said(await reopen())).toEqual(['running', 'freeze intent', 'lock resumed']);
  });

  it.each<RecordState>(['rolled-back', 'rollback-incomplete'])('does not open again what is %s', async (state) => {
    await begun();
    await only(authority(), state);
    await only(local(), [back], [done]);
    expect((await reopen())?.state).toBe(state);
  });

  it('goes on to say so where both know of the commit', async () => {
    await begun();
    await only(authority(), 'committed', [taken], 'done');
    await only(local(), 'committed', [done]);
    expect(said(await reopen())).toEqual(['done', 'freeze intent', 'commit commit', 'lock resumed']);
  });

  it('and alone knows of a commit is believed by nobody, nor is the authority', async () => {
    await begun();
    await only(authority(), [taken], [back]);
    await only(local(), 'committed');
    const error = await failureOf(storeOf().reopen(ID));
    expect(isMigrateError(error) && error).toMatchObject({ code: 'F372', outcome: 'midway' });
    expect(await failureOf(storeOf().load(ID))).toMatchObject({ code: 'F372' });
  });

  it('and knows of a commit that an older authority lost is believed', async () => {
    await begun();
    await only(local(), [done], 'committed');
    expect((await reopen())?.state).toBe('committed');
    expect((await storeOf([]).load(ID))?.state).toBe('committed');
  });
});

describe('the authority that has no record any more', () => {
  it.each<[RecordState, Json]>([
    ['held', start.plan],
    ['committed', { ...(start.plan as object), request: { hold: 60_000 } }],
    ['running', start.plan],
    ['rollback-incomplete', start.plan],
  ])('is not replaced by a copy that says %s: somebody may have led back since', async (state, plan) => {
    await begun(plan);
    await only(local(), state);
    cluster.remove(RESOURCES.configMap, 'suite', ID);
    const error = await failureOf(storeOf().reopen(ID));
    expect(isMigrateError(error) && error).toMatchObject({ code: 'F372', outcome: 'midway' });
    expect(cluster.all(RESOURCES.configMap)).toEqual([]);
  });

  it('gets it back from a copy that knows of a commit which nobody can take back', async () => {
    await begun();
    await only(local(), 'committed');
    cluster.remove(RESOURCES.configMap, 'suite', ID);
    expect((await reopen())?.state).toBe('committed');
    expect((await storeOf([]).load(ID))?.state).toBe('committed');
  });
});

describe('a copy of what has ended and is gone from the cluster', () => {
  it.each<RecordState>(['done', 'rolled-back'])('is taken up as %s, and made nowhere anew', async (state) => {
    const west = new FakeCluster({ clock: systemClock });
    west.seed(RESOURCES.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'suite' } });
    const mirror = () => configMapSink(west.client('source', 'west', 500), 'suite');
    await begun();
    await (await storeOf().reopen(ID))?.close(state);
    cluster.remove(RESOURCES.configMap, 'suite', ID);
    expect((await reopen([mirror(), local()]))?.state).toBe(state);
    for (const each of [cluster, west]) expect(each.all(RESOURCES.configMap, 'suite')).toEqual([]);
    for (const each of [cluster, west]) each.remove(RESOURCES.namespace, undefined, 'suite');
    expect((await reopen([mirror(), local()]))?.state).toBe(state);
  });

  it('is brought up where it is behind', async () => {
    await begun();
    const other = createFileSink(temporaryFolder());
    await storeOf([other]).reopen(ID);
    await (await storeOf([local()]).reopen(ID))?.close('rolled-back');
    cluster.remove(RESOURCES.configMap, 'suite', ID);
    expect((await reopen([local(), other]))?.state).toBe('rolled-back');
    expect((await other.load(ID))?.state).toBe('rolled-back');
  });
});

describe('a damaged copy', () => {
  const header = async () => JSON.parse((await readFile(file(), 'utf8')).split('\n')[0] ?? '');

  it.each<[string, () => Promise<string>]>([
    ['rubbish', async () => 'rubbish\n'],
    ['a gap', async () => `${JSON.stringify(await header())}\n{"serial":7,"state":"running","entries":[]}\n`],
    ['another plan', async () => `${JSON.stringify({ ...(await header()), plan: { pod: 'other' } })}\n`],
  ])('with %s is set aside and written anew', async (_name, content) => {
    await begun();
    await writeFile(file(), await content());
    expect(said(await storeOf().load(ID))).toEqual(['running', 'freeze intent']);
    const journal = await storeOf().reopen(ID);
    await journal?.append([back]);
    expect(aside).toEqual([folder]);
    expect(said(await local().load(ID))).toEqual(['running', 'freeze intent', 'freeze revert-intent']);
    expect(existsSync(`${file()}.aside`)).toBe(true);
    await local().remove(ID);
    expect(existsSync(`${file()}.aside`)).toBe(false);
  });

  it('in a cluster is written anew', async () => {
    const west = new FakeCluster({ clock: systemClock });
    west.seed(RESOURCES.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'suite' } });
    const mirror = () => configMapSink(west.client('source', 'west', 500), 'suite');
    const journal = await storeOf([mirror()]).open(start);
    await journal.append([intent]);
    west.change<ConfigMap>(RESOURCES.configMap, 'suite', ID, (object) => {
      object.data = { record: 'rubbish' };
    });
    expect(said(await reopen([mirror()]))).toEqual(['running', 'freeze intent']);
    expect(said(await mirror().load(ID))).toEqual(['running', 'freeze intent']);
    expect(aside).toEqual(['west: configmap suite']);
  });

  it('of a newer version is left as it is, and nobody goes on', async () => {
    await begun();
    const newer = `${JSON.stringify({ ...(await header()), schemaVersion: 99 })}\n`;
    await writeFile(file(), newer);
    for (const act of ['reopen', 'load'] as const)
      expect(await failureOf(storeOf()[act](ID))).toMatchObject({
        code: 'F350',
        detail: expect.stringContaining('schema version 99'),
      });
    expect(await readFile(file(), 'utf8')).toBe(newer);
  });

  it('is all there is when the authority is gone: then it is an error', async () => {
    await begun();
    await writeFile(file(), 'rubbish\n');
    cluster.remove(RESOURCES.configMap, 'suite', ID);
    expect(await failureOf(storeOf().load(ID))).toMatchObject({ code: 'F350' });
  });
});

import { appendFile, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { failureCode, isMigrateError, MigrateError } from '../../../src/domain/errors.ts';
import { createFileSink, journalFolder } from '../../../src/journal/file-sink.ts';
import { createJournalStore } from '../../../src/journal/journal-store.ts';
import type { Journal, JournalSink, JournalStore } from '../../../src/journal/ports.ts';
import { type JournalWrite, planDigest } from '../../../src/journal/record.ts';
import { systemClock } from '../../../src/kube/clock.ts';
import type { ConfigMap } from '../../../src/kube/objects.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { configMapSink } from '../../contract/config-map-place.ts';
import { FakeCluster } from '../../fakes/fake-cluster.ts';
import type { Fault } from '../../fakes/fake-faults.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const start = { id: 'cart-0-x1', plan: { pod: 'cart-0' }, user: 'ann', host: 'desk', version: '0.1.0' };
const LINEAGE = '6f1cbd9e-8a52-4c3f-9a35-0f1f6f0a7c11';

let folder: string;
let cluster: FakeCluster;
let store: JournalStore;
let stale: string[];
beforeEach(async () => {
  folder = temporaryFolder();
  cluster = new FakeCluster({ clock: systemClock });
  cluster.seed(RESOURCES.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'suite' } });
  stale = [];
  store = newStore();
});

function newStore(lineage = LINEAGE): JournalStore {
  return createJournalStore({
    authority: configMapSink(cluster.client('source', 'east', 500), 'suite'),
    copies: [createFileSink(folder)],
    clock: systemClock,
    newUuid: () => lineage,
    onStaleCopy: (place) => stale.push(place),
  });
}

const file = (): string => path.join(folder, `${start.id}.ndjson`);
const lines = async (): Promise<string[]> => (await readFile(file(), 'utf8')).trimEnd().split('\n');
const configMap = (): ConfigMap | undefined => cluster.peek<ConfigMap>(RESOURCES.configMap, 'suite', start.id);
const codeOf = async (act: Promise<unknown>): Promise<unknown> =>
  failureCode(await act.catch((error: unknown) => error));
const onPatch = (fault: Fault, times = 1): void =>
  cluster.faults.add({ when: (request) => request.method === 'PATCH', fault, times });
const steps = async (): Promise<string[]> =>
  (await newStore().load(start.id))?.entries.map((entry) => `${entry.step} ${entry.kind}`) ?? [];
const intent = (journal: Journal, step: string): Promise<void> => journal.append([{ step, kind: 'intent' }]);

describe('every write', () => {
  it('is one small PATCH on condition of the version, and one line', async () => {
    const journal = await store.open(start);
    await journal.append([
      { step: 'lock', kind: 'done' },
      { step: 'freeze', kind: 'intent' },
    ]);
    await intent(journal, 'send');
    const patches = cluster.calls.filter((call) => call.method === 'PATCH');
    expect(patches).toHaveLength(2);
    expect(patches[1]?.body).toEqual({
      metadata: { resourceVersion: expect.stringMatching(/^\d+$/) },
      data: { 'entry-0002': expect.stringContaining('"step":"send"') },
    });
    expect(await lines()).toHaveLength(3);
    expect(configMap()?.metadata.labels).toEqual({ 'app.kubernetes.io/managed-by': 'kubectl-migrate' });
  });

  it('is for its owner only', async () => {
    await store.open(start);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    const made = createFileSink(path.join(folder, 'new'));
    await createJournalStore({ authority: made, copies: [], clock: systemClock, newUuid: () => LINEAGE }).open(start);
    expect((await stat(path.join(folder, 'new'))).mode & 0o777).toBe(0o700);
  });

  it('waits for the one before', async () => {
    const journal = await store.open(start);
    await Promise.all([intent(journal, 'a'), intent(journal, 'b'), intent(journal, 'c')]);
    expect(await steps()).toEqual(['a intent', 'b intent', 'c intent']);
  });
});

describe('a write that goes wrong in the cluster', () => {
  it.each<Fault>([{ kind: 'answer-lost' }, { kind: 'silence' }, { kind: 'status', code: 500 }])(
    'by %o is looked up and finished',
    async (fault) => {
      const journal = await store.open(start);
      onPatch(fault);
      await intent(journal, 'lock');
      await intent(journal, 'freeze');
      expect(await steps()).toEqual(['lock intent', 'freeze intent']);
    },
  );

  it('is told, and made up for by the next one', async () => {
    const journal = await store.open(start);
    onPatch({ kind: 'status', code: 403 });
    expect(await codeOf(intent(journal, 'lock'))).toBe('F313');
    await journal.append([{ step: 'lock', kind: 'failed' }]);
    expect(await steps()).toEqual(['lock intent', 'lock failed']);
    expect(await lines()).toHaveLength(3);
  });

  it('stops when somebody else wrote to the record', async () => {
    const journal = await store.open(start);
    cluster.change<ConfigMap>(RESOURCES.configMap, 'suite', start.id, (object) => {
      object.data = { ...object.data, 'entry-0001': 'theirs' };
    });
    expect(await codeOf(intent(journal, 'lock'))).toBe('F315');
  });

  it('stops when somebody removed the record', async () => {
    const journal = await store.open(start);
    cluster.remove(RESOURCES.configMap, 'suite', start.id);
    await expect(intent(journal, 'lock')).rejects.toMatchObject({ code: 'F315', takenOver: true });
  });

  it('does not stop for a change that is none of ours', async () => {
    const journal = await store.open(start);
    cluster.change<ConfigMap>(RESOURCES.configMap, 'suite', start.id, (object) => {
      object.metadata.annotations = { touched: 'yes' };
    });
    await intent(journal, 'lock');
    expect(await steps()).toEqual(['lock intent']);
  });
});

describe('the commit', () => {
  it('that was refused did not happen, anywhere', async () => {
    const journal = await store.open(start);
    onPatch({ kind: 'status', code: 403 });
    const error = await journal.commit().catch((thrown: unknown) => thrown);
    expect(isMigrateError(error) && error).toMatchObject({ code: 'F313', outcome: 'failed' });
    await journal.append([{ step: 'commit', kind: 'failed' }]);
    await journal.close('rolled-back');
    expect(await newStore().load(start.id)).toMatchObject({ state: 'rolled-back' });
    expect(await steps()).toEqual(['commit failed']);
  });

  it('whose answer was lost is looked up', async () => {
    const journal = await store.open(start);
    onPatch({ kind: 'answer-lost' });
    await journal.commit();
    expect(await newStore().load(start.id)).toMatchObject({ state: 'committed', serial: 1 });
  });

  it('that was never sent did not happen, and whoever asks may go back', async () => {
    const journal = await store.open(start);
    cluster.faults.add({ when: () => true, fault: { kind: 'refused' }, times: 1000 });
    const error = await journal.commit().catch((thrown: unknown) => thrown);
    expect(isMigrateError(error) && error).toMatchObject({ code: 'F310', outcome: 'failed' });
  });

  it('that nobody can know of stops midway, with nothing in the copy', async () => {
    const journal = await store.open(start);
    cluster.faults.add({ when: () => true, fault: { kind: 'silence' }, times: 1000 });
    const error = await journal.commit().catch((thrown: unknown) => thrown);
    expect(isMigrateError(error) && error).toMatchObject({ code: 'F311', outcome: 'midway' });
    expect(await lines()).toHaveLength(1);
  });

  it('counts although the copy cannot be written', async () => {
    const journal = await store.open(start);
    await rm(folder, { recursive: true });
    await journal.commit();
    await expect.poll(() => stale).toEqual([folder]);
    expect(JSON.parse(configMap()?.data?.['entry-0001'] ?? '')).toMatchObject({ state: 'committed' });
  });
});

describe('the copy', () => {
  it('with a torn last line is read without it, and goes on', async () => {
    const journal = await store.open(start);
    await intent(journal, 'lock');
    await appendFile(file(), '{"serial":2,"sta');
    const again = await newStore().reopen(start.id);
    await again?.append([{ step: 'lock', kind: 'done' }]);
    expect((await lines()).map((line) => JSON.parse(line).serial)).toEqual([undefined, 1, 2]);
  });

  it('that is behind, or gone, is brought up to date', async () => {
    const journal = await store.open(start);
    await intent(journal, 'lock');
    await journal.commit();
    await expect.poll(lines).toHaveLength(3);
    for (const spoil of [() => writeFirstLine(), () => rm(file())]) {
      await spoil();
      const again = await newStore().reopen(start.id);
      expect(again?.record()).toMatchObject({ state: 'committed', serial: 2 });
      const copy = await createFileSink(folder).load(start.id);
      expect(copy).toEqual(again?.record());
    }
  });

  it('helps when the cluster lost the record', async () => {
    const journal = await store.open(start);
    await intent(journal, 'lock');
    cluster.remove(RESOURCES.configMap, 'suite', start.id);
    expect(await newStore().load(start.id)).toEqual(journal.record());
  });

  it('of another migration is refused', async () => {
    await store.open(start);
    cluster.remove(RESOURCES.configMap, 'suite', start.id);
    const other = 'a3a37d3c-0f6b-4a0c-8d28-d5c1b1a3f0aa';
    const authority = configMapSink(cluster.client('source'), 'suite');
    await createJournalStore({ authority, copies: [], clock: systemClock, newUuid: () => other }).open(start);
    expect(await codeOf(newStore().load(start.id))).toBe('F350');
  });

  it('is left nowhere when the cluster takes the record and does not say so', async () => {
    cluster.faults.add({ when: ({ method }) => method === 'POST', fault: { kind: 'answer-lost' } });
    expect(await codeOf(store.open(start))).toBe('F310');
    expect(configMap()).toBeUndefined();
    await expect(lines()).rejects.toThrow(/ENOENT/);
  });

  it('stays what it is when somebody else’s is there already', async () => {
    const authority = configMapSink(cluster.client('source'), 'suite');
    await createJournalStore({ authority, copies: [], clock: systemClock, newUuid: () => LINEAGE }).open(start);
    const before = configMap();
    expect(await codeOf(store.open(start))).toBe('F350');
    expect(configMap()).toEqual(before);
  });

  it('is not left running when the cluster takes no record', async () => {
    cluster.faults.add({ when: (request) => request.method === 'POST', fault: { kind: 'status', code: 403 } });
    expect(await codeOf(store.open(start))).toBe('F313');
    expect(await createFileSink(folder).load(start.id)).toBeUndefined();
  });

  async function writeFirstLine(): Promise<void> {
    await writeFile(file(), `${(await lines())[0]}\n`);
  }
});

describe('a copy that does not answer', () => {
  /** As a cluster that hangs: what is sent there ends when that is given up, or `fails`. */
  const memory: JournalSink = {
    place: 'memory',
    create: async () => undefined,
    write: async () => undefined,
    setAside: async () => undefined,
    remove: async () => undefined,
    load: async () => undefined,
  };
  let tries: { readonly writes: readonly JournalWrite[]; fails: () => void; answers: () => void }[];
  const silent: JournalSink = {
    ...memory,
    place: 'silent',
    write: (_id, writes, options) =>
      new Promise((resolve, reject) => {
        const fails = () => reject(new MigrateError('F311', { detail: 'silent', remedy: '-' }));
        options?.signal?.addEventListener('abort', fails);
        tries.push({ writes, fails, answers: resolve });
      }),
  };
  const behind = async (): Promise<Journal> => {
    tries = [];
    const copying = createJournalStore({
      authority: memory,
      copies: [silent],
      clock: systemClock,
      newUuid: () => LINEAGE,
      onStaleCopy: (place) => stale.push(place),
    });
    const journal = await copying.open(start);
    const first = intent(journal, 'first');
    await expect.poll(() => tries).toHaveLength(1);
    tries[0]?.fails();
    await first;
    for (let missed = 1; missed <= 24; missed++) await intent(journal, `missed-${missed}`);
    return journal;
  };
  const serials = (index: number) => tries[index]?.writes.map(({ serial }) => serial);

  it('is sent all that it missed in one try, and not in one for each', async () => {
    await behind();
    expect(tries).toHaveLength(2);
    tries[1]?.fails();
    await expect.poll(() => tries).toHaveLength(3);
    expect(serials(2)).toEqual(Array.from({ length: 25 }, (_, index) => index + 1));
    tries[2]?.answers();
    await new Promise((resolve) => setImmediate(resolve));
    expect(tries).toHaveLength(3);
    expect(stale).toEqual(['silent']);
  });

  it('is waited for at the end as long as one try takes', async () => {
    const journal = await behind();
    let over = false;
    const closed = journal.close('rolled-back').then(() => {
      over = true;
    });
    // What was under way is given up: it does not tell of the end.
    await expect.poll(() => serials(2)?.at(-1)).toBe(26);
    expect(over).toBe(false);
    tries[2]?.fails();
    await closed;
    expect(tries).toHaveLength(3);
  });
});

describe('a record that is not ours to read', () => {
  const rewrite = async (edit: (header: Record<string, unknown>) => void): Promise<void> => {
    await store.open(start);
    cluster.remove(RESOURCES.configMap, 'suite', start.id);
    const header = JSON.parse((await lines())[0] ?? '') as Record<string, unknown>;
    edit(header);
    await writeFile(file(), `${JSON.stringify(header)}\n`);
  };

  it.each<[string, (header: Record<string, unknown>) => void, string]>([
    ['of a newer version', (header) => Object.assign(header, { schemaVersion: 5 }), 'schema version 5'],
    [
      'with another plan',
      (header) => Object.assign(header, { plan: { pod: 'other' } }),
      'does not match its own digest',
    ],
    ['with a field missing', (header) => delete header['lineage'], 'lineage'],
    ['with a field too many', (header) => Object.assign(header, { more: 1 }), 'is not a record'],
  ])('%s is refused', async (_name, edit, words) => {
    await rewrite(edit);
    const error = await newStore()
      .load(start.id)
      .catch((thrown: unknown) => thrown);
    expect(isMigrateError(error) && error).toMatchObject({ code: 'F350', detail: expect.stringContaining(words) });
  });

  it.each(['not json', '[]', '{"serial":1}', '{"serial":7,"state":"running","entries":[]}'])(
    'with the line %s is refused',
    async (line) => {
      await store.open(start);
      await appendFile(file(), `${line}\n`);
      cluster.remove(RESOURCES.configMap, 'suite', start.id);
      expect(await codeOf(newStore().load(start.id))).toBe('F350');
    },
  );
});

describe('small things', () => {
  it('the digest of a plan does not depend on the order of keys, and ignores what is undefined', () => {
    expect(planDigest({ a: 1, b: [{ c: null, d: undefined }] })).toBe(planDigest({ b: [{ c: null }], a: 1 }));
    expect(planDigest({ a: [1, 2] })).not.toBe(planDigest({ a: [2, 1] }));
  });

  it('the folder follows XDG', async () => {
    expect(journalFolder({ XDG_STATE_HOME: '/state' }, '/home/a')).toBe('/state/kubectl-migrate');
    expect(journalFolder({ XDG_STATE_HOME: 'relative' }, '/home/a')).toBe('/home/a/.local/state/kubectl-migrate');
    expect(await readdir(folder)).toEqual([]);
  });
});

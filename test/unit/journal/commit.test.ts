import { beforeEach, describe, expect, it } from 'vitest';
import { isMigrateError, type MigrateError } from '../../../src/domain/errors.ts';
import { createJournalStore } from '../../../src/journal/journal-store.ts';
import type { Journal, JournalStore } from '../../../src/journal/ports.ts';
import type { ApiRequest } from '../../../src/kube/api-client.ts';
import { systemClock } from '../../../src/kube/clock.ts';
import type { ConfigMap } from '../../../src/kube/objects.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { configMapSink } from '../../contract/config-map-place.ts';
import { FakeCluster } from '../../fakes/fake-cluster.ts';
import type { Fault } from '../../fakes/fake-faults.ts';

const start = { id: 'cart-0-x1', plan: { pod: 'cart-0' }, user: 'ann', host: 'desk', version: '0.1.0' };

let cluster: FakeCluster;
let store: JournalStore;
let journal: Journal;
beforeEach(async () => {
  cluster = new FakeCluster({ clock: systemClock });
  cluster.seed(RESOURCES.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'suite' } });
  store = createJournalStore({
    authority: configMapSink(cluster.client('source', 'east', 300), 'suite'),
    copies: [],
    clock: systemClock,
    newUuid: () => '6f1cbd9e-8a52-4c3f-9a35-0f1f6f0a7c11',
  });
  journal = await store.open(start);
  await journal.append([{ step: 'freeze', kind: 'intent' }]);
});

const isPatch = ({ method }: ApiRequest) => method === 'PATCH';
const isGet = ({ method }: ApiRequest) => method === 'GET';
const goWrong = (when: (request: ApiRequest) => boolean, fault: Fault, times = 1) =>
  cluster.faults.add({ when, fault, times });
const status = (code: number): Fault => ({ kind: 'status', code });
const REFUSED: Fault = { kind: 'refused' };
const LOST: Fault = { kind: 'answer-lost' };
const SILENT: Fault = { kind: 'silence' };

/** Undefined for a commit that went well. */
async function commit(signal?: AbortSignal): Promise<MigrateError | undefined> {
  const error = await journal.commit({ at: 'seal' }, signal && { signal }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  cluster.faults.clear();
  if (error !== undefined && !isMigrateError(error)) throw error;
  return error;
}

const state = async () => (await store.load(start.id))?.state;
const change = (edit: (data: Record<string, string>) => void): void => {
  cluster.change<ConfigMap>(RESOURCES.configMap, 'suite', start.id, (object) => {
    object.data = { ...object.data };
    edit(object.data);
  });
};
/** At the moment at which the commit is in the record. */
function onCommit(act: () => void): void {
  let done = false;
  cluster.onChange((_type, object) => {
    if (done || object.kind !== 'ConfigMap' || !JSON.stringify(object).includes('committed')) return;
    done = true;
    act();
  });
}

describe('a commit that was carried out', () => {
  it.each([400, 401, 403, 404, 409, 422, 429, 500, 503])(
    'and whose record cannot be read back (%i) is one that nobody knows of',
    async (code) => {
      goWrong(isPatch, LOST);
      goWrong(isGet, status(code), 1000);
      expect(await commit()).toMatchObject({ outcome: 'midway' });
      expect(await state()).toBe('committed');
    },
  );

  it.each<Fault>([REFUSED, SILENT])('and whose record cannot be read back for %o is too', async (fault) => {
    goWrong(isPatch, LOST);
    goWrong(isGet, fault, 1000);
    expect(await commit()).toMatchObject({ outcome: 'midway' });
    expect(await state()).toBe('committed');
  });

  it.each([500, 502, 503, 504, 408])('and answered with %i is looked up', async (code) => {
    goWrong(isPatch, LOST);
    goWrong(isPatch, status(code), 5);
    expect(await commit()).toBeUndefined();
    expect(await state()).toBe('committed');
  });

  it('is none to go back from when another process has written to the record since', async () => {
    onCommit(() => change((data) => Object.assign(data, { 'entry-0003': 'theirs' })));
    goWrong(isPatch, LOST);
    expect(await commit()).toMatchObject({ code: 'F315', outcome: 'midway' });
  });

  it('is none to go back from when somebody has removed the record since', async () => {
    onCommit(() => cluster.remove(RESOURCES.configMap, 'suite', start.id));
    goWrong(isPatch, LOST);
    expect(await commit()).toMatchObject({ code: 'F315', outcome: 'midway' });
  });
});

describe('two tries of a commit', () => {
  const maybe: [string, Fault][] = [
    ['silence', SILENT],
    ['500', status(500)],
    ['504', status(504)],
  ];
  const second: [string, Fault][] = [
    ['a refused connection', REFUSED],
    ['silence', SILENT],
    ...[400, 401, 403, 404, 409, 413, 422, 429, 500, 504].map((code): [string, Fault] => [`${code}`, status(code)]),
  ];
  const sequences = maybe.flatMap(([one, first]) => second.map(([other, then]) => [one, other, first, then] as const));

  it.each(sequences)(
    'that end with %s and then with %s: the first may still arrive',
    async (_one, _other, first, then) => {
      goWrong(isPatch, first);
      goWrong(isPatch, then, 1000);
      expect(await commit()).toMatchObject({ outcome: 'midway' });
      expect(await state()).toBe('running');
    },
  );

  it.each([400, 401, 403, 404, 413, 422])('of which the first is refused with %i are one', async (code) => {
    goWrong(isPatch, status(code));
    expect(await commit()).toMatchObject({ outcome: 'failed' });
    expect(cluster.calls.filter(isPatch)).toHaveLength(2);
    expect(await state()).toBe('running');
  });

  it('of which the first is lost and the record is changed by others cannot arrive any more', async () => {
    const refuse = () => change((data) => Object.assign(data, { 'entry-0002': 'theirs' }));
    cluster.faults.add({
      when: (request) => {
        if (isPatch(request)) refuse();
        return isPatch(request);
      },
      fault: SILENT,
    });
    expect(await commit()).toMatchObject({ code: 'F315', outcome: 'failed', takenOver: true });
  });

  it('of which the first is turned away by a change that is none of ours: what refuses the second one counts', async () => {
    const touch = () =>
      cluster.change<ConfigMap>(RESOURCES.configMap, 'suite', start.id, (object) => {
        object.metadata.annotations = { touched: 'yes' };
      });
    let tries = 0;
    cluster.faults.add({
      when: (request) => {
        if (isPatch(request) && ++tries === 1) touch();
        return isPatch(request);
      },
      fault: status(403),
      from: 2,
    });
    expect(await commit()).toMatchObject({ code: 'F313', outcome: 'failed' });
    expect(tries).toBe(2);
  });
});

describe('a commit that nobody knows of', () => {
  it('that was interrupted is not to be started again', async () => {
    const controller = new AbortController();
    cluster.faults.add({ when: isPatch, fault: { kind: 'slow', ms: 60_000 } });
    setTimeout(() => controller.abort(), 20);
    const error = await commit(controller.signal);
    expect(error).toMatchObject({ code: 'F306', outcome: 'midway' });
    expect(error?.remedy).not.toContain('start again');
  });

  it('whose user is not known any more says how to be known again, and where the truth is', async () => {
    goWrong(isPatch, LOST);
    goWrong(isGet, status(401), 1000);
    const error = await commit();
    expect(error?.code).toBe('F312');
    expect(error?.remedy).toMatch(/log in again.*; the record in the source cluster says whether it is committed$/);
  });

  it('is the last word of this process: nothing it says later may contradict it, in any copy', async () => {
    goWrong(isPatch, LOST);
    goWrong(isGet, status(401), 1000);
    const error = await commit();
    await expect(journal.append([{ step: 'freeze', kind: 'revert-intent' }])).rejects.toBe(error);
    await expect(journal.close('rolled-back')).rejects.toBe(error);
    await expect(journal.commit()).rejects.toBe(error);
    expect(await store.load(start.id)).toMatchObject({ state: 'committed', serial: 2 });
  });
});

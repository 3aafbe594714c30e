import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureCode } from '../../src/domain/errors.ts';
import { createJournalStore, RECORD_LIMIT, RESERVED } from '../../src/journal/journal-store.ts';
import type { JournalSink, JournalStart, JournalStore, NewEntry } from '../../src/journal/ports.ts';
import { systemClock } from '../../src/kube/clock.ts';

/** What a suite runs against. */
export interface ContractPlace {
  /** A sink over the same place each time, as another process would have it. */
  connect(): JournalSink;
  close(): Promise<void>;
}

const intent = (step: string, data?: NewEntry['data']): NewEntry => ({
  step,
  kind: 'intent',
  ...(data === undefined ? {} : { data }),
});

/** What the journal relies on, of every place that a record is kept in. `ids` yields one that was never used there. */
export function journalContract(name: string, start: () => Promise<ContractPlace>): void {
  describe(`journal: ${name}`, () => {
    let place: ContractPlace;
    let count = 0;
    beforeAll(async () => {
      place = await start();
    });
    afterAll(() => place.close());

    const connect = (): JournalStore =>
      createJournalStore({ authority: place.connect(), copies: [], clock: systemClock, newUuid: randomUUID });
    const starting = (plan: JournalStart['plan'] = { pod: 'cart-0' }): JournalStart => {
      count += 1;
      return { id: `contract-${Date.now().toString(36)}-${count}`, plan, user: 'u', host: 'h', version: '0' };
    };
    const codeOf = async (act: Promise<unknown>): Promise<unknown> =>
      failureCode(await act.catch((error: unknown) => error));

    it('gives back what it was given', async () => {
      const first = starting();
      const journal = await connect().open(first);
      await journal.append([intent('lock', { selector: { app: 'a' } })]);
      await journal.append([{ step: 'lock', kind: 'done', data: [1, null, 'x'] }, intent('freeze')]);
      await journal.append([]);
      await journal.commit({ at: 'freeze' });
      await journal.append([{ step: 'switch', kind: 'done' }]);
      await journal.close('done');
      const record = await connect().load(first.id);
      expect(record).toEqual(journal.record());
      expect(record).toMatchObject({ ...first, schemaVersion: 4, serial: 5, state: 'done' });
      expect(record?.entries.map(({ serial, step, kind }) => `${serial} ${step} ${kind}`)).toEqual([
        '1 lock intent',
        '2 lock done',
        '3 freeze intent',
        '4 commit commit',
        '5 switch done',
      ]);
      expect(record?.entries[0]?.data).toEqual({ selector: { app: 'a' } });
      expect(record?.entries[1]?.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    });

    it('knows nothing of an id that was never used', async () => {
      const { id } = starting();
      expect(await connect().load(id)).toBeUndefined();
      expect(await connect().reopen(id)).toBeUndefined();
    });

    it('refuses to begin a record twice, and ids that are none', async () => {
      const first = starting();
      await connect().open(first);
      expect(await codeOf(connect().open(first))).toBe('F350');
      expect(await codeOf(connect().open({ ...first, id: '../x' }))).toBe('F350');
      expect(await codeOf(connect().load('a/b'))).toBe('F350');
    });

    it('goes on where an earlier process stopped', async () => {
      const first = starting();
      const before = await connect().open(first);
      await before.append([intent('lock')]);
      const journal = await connect().reopen(first.id);
      await journal?.append([{ step: 'lock', kind: 'done' }]);
      const record = await connect().load(first.id);
      expect(record).toMatchObject({ serial: 2, lineage: before.record().lineage });
      expect(record?.entries.map((entry) => entry.kind)).toEqual(['intent', 'done']);
    });

    it('stops the one of two writers that did not know of the other', async () => {
      const first = starting();
      const one = await connect().open(first);
      const other = await connect().reopen(first.id);
      await other?.append([intent('theirs')]);
      expect(await codeOf(one.append([intent('mine')]))).toBe('F315');
      expect(await codeOf(one.commit())).toBe('F315');
      expect((await connect().load(first.id))?.entries.map((entry) => entry.step)).toEqual(['theirs']);
    });

    it('commits once', async () => {
      const first = starting();
      const journal = await connect().open(first);
      await journal.commit();
      await journal.commit();
      const record = await connect().load(first.id);
      expect(record).toMatchObject({ state: 'committed', serial: 1 });
    });

    it('commits in one write with what came before it', async () => {
      const first = starting();
      const journal = await connect().open(first);
      await journal.commit({ at: 'seal' }, { before: [{ step: 'freeze', kind: 'done' }, intent('restore')] });
      const record = await connect().load(first.id);
      expect(record).toMatchObject({ state: 'committed', serial: 1 });
      expect(record?.entries.map(({ step, kind }) => `${step} ${kind}`)).toEqual([
        'freeze done',
        'restore intent',
        'commit commit',
      ]);
    });

    it('keeps room for the way back in a record that is full', async () => {
      const first = starting();
      const journal = await connect().open(first);
      const large = 'x'.repeat(RECORD_LIMIT - RESERVED - 10_000);
      await journal.append([intent('large', large)]);
      expect(await codeOf(journal.append([intent('more', 'x'.repeat(20_000))]))).toBe('F350');
      await journal.append([{ step: 'large', kind: 'failed', data: 'x'.repeat(20_000) }]);
      await journal.append([{ step: 'large', kind: 'revert-intent' }]);
      await journal.close('rolled-back');
      expect(await connect().load(first.id)).toMatchObject({ state: 'rolled-back', serial: 4 });
    });
  });
}

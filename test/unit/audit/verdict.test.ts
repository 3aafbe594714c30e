import { describe, expect, it } from 'vitest';
import { type Link, linkAfter, NO_LINKS } from '../../../src/audit/chain.ts';
import type { AuditEntry } from '../../../src/audit/entry.ts';
import { faultsIn, type ReadChain } from '../../../src/audit/verdict.ts';
import type { Witness } from '../../../src/audit/witness.ts';
import { auditEntry } from '../../fixtures/audit.ts';

/** What somebody writes who knows how hashes are made. */
function linked(entries: readonly AuditEntry[]): Link[] {
  const links: Link[] = [];
  for (const entry of entries) links.push(linkAfter(links.at(-1) ?? NO_LINKS, entry));
  return links;
}

const at = (minute: number) => new Date(Date.UTC(2026, 10, 24, 12, minute)).toISOString();

/** Two moves, told of from beginning to end, an hour apart. */
const ENTRIES = ['m-1', 'm-2'].flatMap((migration, index) => [
  auditEntry({ migration, at: at(index * 60) }),
  auditEntry({ migration, at: at(index * 60 + 1), event: 'ended', outcome: 'done' }),
]);

const chain = (place: 'east' | 'west', entries: readonly AuditEntry[] = ENTRIES): ReadChain => ({
  place,
  server: `https://${place}`,
  unreadable: [],
  links: linked(entries),
});

/** The record of a move as a place has it that saw both chains right after the entry of that number. */
function witness(migration: string, seq: number, parts: Partial<Witness> = {}): Witness {
  const { hash } = linked(ENTRIES)[seq - 1] ?? NO_LINKS;
  const servers = ['https://east', 'https://west'];
  const heads = [servers.map((server) => ({ server, seq, hash }))];
  return {
    place: 'the record in east',
    from: servers[0],
    migration,
    ended: true,
    acted: true,
    servers,
    heads,
    ...parts,
  };
}
const RECORDS = [witness('m-1', 1), witness('m-2', 3)];

const whats = (chains: readonly ReadChain[], witnesses?: readonly Witness[]) =>
  faultsIn(chains, witnesses).map(({ place, what }) => `${place}: ${what}`);

it('nothing is wrong with what nobody has touched', () => {
  expect(faultsIn([chain('east'), chain('west')], RECORDS)).toEqual([]);
  expect(faultsIn([chain('east')], [])).toEqual([]);
  expect(faultsIn([chain('east', [])], [])).toEqual([]);
});

describe('a chain that somebody has written anew, hashes and all', () => {
  it('is another one than the other cluster has: whoever is named in it', () => {
    const source = { ...auditEntry().source, user: 'alice' };
    const forged = ENTRIES.map((entry) => ({ ...entry, source }));
    const found = whats([chain('east', forged), chain('west')]);
    expect(found).toHaveLength(ENTRIES.length);
    expect(found[0]).toBe(`east: 'migrate m-1 begun' of ${ENTRIES[0]?.at} is another one than in west: source.user`);
  });

  it('is told by its last entry too', () => {
    const forged = ENTRIES.with(3, { ...(ENTRIES[3] as AuditEntry), outcome: 'failed', code: 'F340' });
    expect(whats([chain('east', forged), chain('west')])).toEqual([
      expect.stringMatching(/^east: 'migrate m-2 ended' .* than in west: outcome, code$/),
    ]);
  });

  it.each([
    ['reversed', ENTRIES.toReversed()],
    ['with an entry that was put to the end', [...ENTRIES.slice(1), ENTRIES[0] as AuditEntry]],
    ['with an entry that was put to the beginning', [ENTRIES[3] as AuditEntry, ...ENTRIES.slice(0, 3)]],
    ['with two moves that changed places', [...ENTRIES.slice(2), ...ENTRIES.slice(0, 2)]],
  ])('%s, is in another order', (_case, entries) => {
    expect(whats([chain('east', entries), chain('west')])).toContainEqual(
      expect.stringContaining('come in another order than in west'),
    );
    expect(whats([chain('east'), chain('west', entries)])).toContainEqual(
      expect.stringContaining('come in another order than in west'),
    );
  });

  it('has an end without a beginning, or an entry twice', () => {
    expect(whats([chain('east', ENTRIES.slice(1))])).toEqual([
      expect.stringMatching(/'migrate m-1 ended' .* has no beginning/),
    ]);
    expect(whats([chain('east', [...ENTRIES, ENTRIES[0] as AuditEntry])])).toEqual([
      'east: entry 5 is one that is there already',
    ]);
  });
});

it('two moves at the same time may be told of in another order in each cluster', () => {
  const [one, other] = [auditEntry({ migration: 'm-3', at: at(200) }), auditEntry({ migration: 'm-4', at: at(201) })];
  expect(faultsIn([chain('east', [...ENTRIES, one, other]), chain('west', [...ENTRIES, other, one])])).toEqual([]);
});

describe('what all clusters have lost', () => {
  it.each([
    ['its last entry', ENTRIES.slice(0, 3), 4],
    ['its first entries', ENTRIES.slice(2), 1],
    ['an entry that was changed', ENTRIES.with(2, { ...(ENTRIES[2] as AuditEntry), host: 'other' }), 3],
  ])('%s, is missed by the record of a move', (_case, entries, seq) => {
    const records = [witness('m-1', 1), witness('m-2', 3), witness('m-2', 4, { place: 'the record in /home/ann' })];
    for (const side of ['east', 'west'] as const)
      expect(whats([chain('east', entries), chain('west', entries)], records)).toContainEqual(
        expect.stringMatching(new RegExp(`^${side}: entry ${seq} is (missed|another one), which the record in`)),
      );
  });

  it('is missed where one cluster is all that is asked', () => {
    expect(whats([chain('east', [])], RECORDS)).toEqual([
      'east: no entry tells of m-1, m-2, of which there is a record',
      'east: entry 1 is missed, which the record in east has of m-1',
    ]);
    const many = Array.from({ length: 5 }, (_, index) => witness(`m-${index}`, 1, { heads: [] }));
    expect(whats([chain('east', [])], many)).toEqual([
      'east: no entry tells of m-0, m-1, m-2 and 2 more, of which there is a record',
    ]);
  });

  it('is missed where the other copies name another cluster', () => {
    const elsewhere = ENTRIES.map((entry) => ({ ...entry, source: { ...entry.source, server: 'https://other' } }));
    expect(whats([chain('east', []), chain('west', elsewhere)], RECORDS)).toEqual([
      'east: no entry tells of m-1, m-2, of which there is a record',
      'east: entry 1 is missed, which the record in east has of m-1',
      'west: entry 1 is another one, which the record in east has of m-1',
    ]);
  });

  it('is missed by a record that knows the cluster by another address', () => {
    const servers = ['https://10.0.0.1', 'https://west'];
    const known = (links: readonly Link[]) => servers.map((server) => ({ server, ...(links[0] ?? NO_LINKS) }));
    const record = witness('m-1', 1, { servers, heads: [known(linked(ENTRIES))] });
    expect(faultsIn([chain('east')], [record, witness('m-2', 3)])).toEqual([]);
    expect(whats([chain('east', ENTRIES.slice(2))], [record])).toContainEqual(
      'east: entry 1 is another one, which the record in east has of m-1',
    );
  });

  it('is nothing where a record is of other clusters, or nothing was begun', () => {
    expect(
      faultsIn([chain('east', [])], [witness('m-9', 1, { from: undefined, servers: ['https://north'], heads: [] })]),
    ).toEqual([]);
    expect(faultsIn([chain('east', [])], [witness('m-9', 1, { acted: false, heads: [] })])).toEqual([]);
  });
});

describe('a move that began and is not told to have ended', () => {
  const open = [chain('east', ENTRIES.slice(0, 3)), chain('west', ENTRIES.slice(0, 3))];

  it('is under way as long as its record says so, or cannot be read', () => {
    expect(faultsIn(open, [witness('m-1', 1), witness('m-2', 3, { ended: false })])).toEqual([]);
  });

  it.each([
    ['its record says that it has ended', RECORDS, 'that migration has ended'],
    ['it has no record any more', [witness('m-1', 1)], 'there is no record of that migration any more'],
  ])('is told when %s', (_case, records, why) => {
    const found = whats(open, records);
    expect(found).toHaveLength(2);
    expect(found[0]).toMatch(new RegExp(`^east: 'migrate m-2 begun' of .* has no end, and ${why}`));
  });

  it('was brought to its end by whoever took it up', () => {
    const taken = [
      ...ENTRIES.slice(0, 3),
      auditEntry({ migration: 'm-2', action: 'resume', at: at(70) }),
      auditEntry({ migration: 'm-2', action: 'resume', at: at(71), event: 'ended', outcome: 'done' }),
    ];
    expect(faultsIn([chain('east', taken), chain('west', taken)], RECORDS)).toEqual([]);
  });
});

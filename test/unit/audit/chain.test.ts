import { describe, expect, it } from 'vitest';
import { breaksIn, type Link, linkAfter, missingIn, NO_LINKS } from '../../../src/audit/chain.ts';
import { auditEntry } from '../../fixtures/audit.ts';

function chainOf(length: number): Link[] {
  const links: Link[] = [];
  for (let n = 0; n < length; n++) links.push(linkAfter(links.at(-1) ?? NO_LINKS, auditEntry({ migration: `m-${n}` })));
  return links;
}

describe('a chain', () => {
  it('of untouched links holds, also after a trip through another program', () => {
    const links = chainOf(5);
    const reversedKeys = (value: object): object =>
      Object.fromEntries(
        Object.entries(value)
          .toReversed()
          .map(([key, field]) => [key, typeof field === 'object' && field !== null ? reversedKeys(field) : field]),
      );
    expect(breaksIn(links)).toEqual([]);
    expect(breaksIn(links.map((link) => reversedKeys(link) as Link))).toEqual([]);
    expect(breaksIn([])).toEqual([]);
  });

  it('shows every entry that was removed, but for those at its end', () => {
    for (let gone = 0; gone < 4; gone++) {
      expect(breaksIn(chainOf(5).toSpliced(gone, 1))[0]?.what).toBe(`entry ${gone + 1} was removed`);
    }
    expect(breaksIn(chainOf(6).toSpliced(1, 3))[0]?.what).toBe('entries 2 to 4 were removed');
  });

  it('shows every field that was changed', () => {
    const links = chainOf(3);
    const [, second] = links;
    if (!second) throw new Error('three links');
    const changed: Partial<Link['entry']>[] = [
      { host: 'other' },
      { at: '2026-11-24T12:00:01.000Z' },
      { outcome: 'done' },
      { planDigest: 'b'.repeat(64) },
      { source: { ...second.entry.source, user: 'bob' } },
    ];
    for (const parts of changed) {
      const forged = links.with(1, { ...second, entry: { ...second.entry, ...parts } });
      expect(breaksIn(forged)).toEqual([{ seq: 2, what: 'entry 2 was changed' }]);
    }
  });

  it('shows an entry that was changed and hashed anew', () => {
    const links = chainOf(3);
    const first = links[0];
    if (!first) throw new Error('three links');
    const forged = linkAfter(NO_LINKS, { ...first.entry, host: 'other' });
    expect(breaksIn(links.with(0, forged))).toEqual([{ seq: 2, what: 'entry 2 does not follow the entry before it' }]);
  });

  it('shows entries that changed places, or are there twice', () => {
    const [one, two, three] = chainOf(3) as [Link, Link, Link];
    expect(breaksIn([one, three, two])).not.toEqual([]);
    expect(breaksIn([one, two, two, three])[0]?.what).toBe('entry 2 is there twice or out of order');
  });
});

describe('two clusters', () => {
  it('show what was cut off the end of one chain', () => {
    const links = chainOf(3);
    const cut = links.slice(0, 2);
    expect(breaksIn(cut)).toEqual([]);
    expect(missingIn(cut, links, 'https://west').map(({ migration }) => migration)).toEqual(['m-2']);
    expect(missingIn(links, cut, 'https://east')).toEqual([]);
  });

  it('miss nothing that concerns other clusters only', () => {
    expect(missingIn([], chainOf(2), 'https://north')).toEqual([]);
  });
});

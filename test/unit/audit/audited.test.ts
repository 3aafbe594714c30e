import { describe, expect, it } from 'vitest';
import { audited } from '../../../src/audit/audited.ts';
import type { AuditChain } from '../../../src/audit/config-map-chain.ts';
import type { AuditEntry } from '../../../src/audit/entry.ts';
import { MigrateError } from '../../../src/domain/errors.ts';
import { auditEntry } from '../../fixtures/audit.ts';

/** A chain that refuses the entries that `broken` names. */
function chain(
  place: string,
  broken?: AuditEntry['event'],
): Pick<AuditChain, 'place' | 'append'> & { readonly entries: AuditEntry[] } {
  const entries: AuditEntry[] = [];
  return {
    place,
    entries,
    append: async (entry) => {
      if (entry.event === broken) throw new MigrateError('F351', { detail: place, remedy: 'mend it' });
      entries.push(entry);
      return { seq: entries.length, hash: `${place} ${entries.length}` };
    },
  };
}

function world(east = chain('east'), west = chain('west')) {
  const { id: _id, at: _at, event: _event, ...subject } = auditEntry();
  const untold: string[] = [];
  const anchored: unknown[] = [];
  let ids = 0;
  const options = {
    chains: [east, west],
    subject,
    now: () => '2026-11-24T12:00:00.000Z',
    newUuid: () => `00000000-0000-4000-8000-00000000000${++ids}`,
    anchor: async (heads: readonly unknown[]) => void anchored.push(heads),
    anchorEnd: async (heads: readonly unknown[]) => void anchored.push(heads),
    onUntold: (place: string) => void untold.push(place),
  };
  return { east, west, untold, anchored, options };
}

describe('an act that is told of', () => {
  it('is told of with the digest of the image that it took, at its end', async () => {
    const { east, options } = world();
    const archiveDigest = 'a'.repeat(64);
    await audited({ ...options, archiveDigest: () => archiveDigest }, async () => 'done');
    expect(east.entries.map((entry) => entry.archiveDigest)).toEqual([undefined, archiveDigest]);
  });

  it('is told of before and after, in both clusters under one id', async () => {
    const { east, west, options } = world();
    const seen = await audited(options, async () => east.entries.length + west.entries.length);
    expect(seen).toBe(2);
    expect(east.entries.map(({ event, outcome }) => [event, outcome])).toEqual([
      ['begun', undefined],
      ['ended', 'done'],
    ]);
    expect(west.entries).toEqual(east.entries);
  });

  it('does not happen when it cannot be told of', async () => {
    const { options } = world(chain('east'), chain('west', 'begun'));
    let acted = false;
    const ended = audited(options, async () => {
      acted = true;
    });
    await expect(ended).rejects.toMatchObject({ code: 'F351' });
    expect(acted).toBe(false);
  });

  it('is told to have failed where one chain knows of it and the other does not', async () => {
    const { east, west, anchored, options } = world(chain('east'), chain('west', 'begun'));
    await expect(audited(options, async () => 'done')).rejects.toMatchObject({ code: 'F351' });
    expect(east.entries.map(({ event, code }) => [event, code])).toEqual([
      ['begun', undefined],
      ['ended', 'F351'],
    ]);
    expect(west.entries).toEqual([]);
    expect(anchored).toEqual([]);
  });

  it('has both ends of each chain noted elsewhere, the first before it begins', async () => {
    const { anchored, options } = world(chain('east'), chain('west', 'ended'));
    const before = await audited(options, async () => [...anchored]);
    expect(before).toEqual([
      [
        { seq: 1, hash: 'east 1' },
        { seq: 1, hash: 'west 1' },
      ],
    ]);
    expect(anchored.slice(1)).toEqual([[{ seq: 2, hash: 'east 2' }, undefined]]);
  });

  it('does not happen where that cannot be noted, and is told to have failed', async () => {
    const { east, options } = world();
    const failure = new MigrateError('F315', { detail: 'x', remedy: 'y' });
    let acted = false;
    const act = async () => {
      acted = true;
    };
    await expect(audited({ ...options, anchor: () => Promise.reject(failure) }, act)).rejects.toBe(failure);
    expect(acted).toBe(false);
    expect(east.entries.map(({ event, code }) => [event, code])).toEqual([
      ['begun', undefined],
      ['ended', 'F315'],
    ]);
  });

  it('fails with its own failure, and that is told', async () => {
    const { east, options } = world();
    const failure = new MigrateError('F340', { detail: 'x', remedy: 'y' });
    await expect(audited(options, () => Promise.reject(failure))).rejects.toBe(failure);
    expect(east.entries.at(-1)).toMatchObject({ event: 'ended', outcome: 'failed', code: 'F340' });
  });

  it('is done although nobody learns how it ended', async () => {
    const { untold, options } = world(chain('east'), chain('west', 'ended'));
    expect(await audited(options, async () => 7)).toBe(7);
    expect(untold).toEqual(['west']);
  });
});

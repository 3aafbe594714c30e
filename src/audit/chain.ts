import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '../domain/json.ts';
import { type AuditEntry, auditEntrySchema } from './entry.ts';

/** What the first link of a chain points back to. */
export const GENESIS = '0'.repeat(64);

/** A link as it is kept: an entry, its place, the hash of the link before it, and its own hash. */
export const linkSchema = z.strictObject({
  seq: z.int().positive(),
  prev: z.string().regex(/^[0-9a-f]{64}$/),
  entry: auditEntrySchema,
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});
export type Link = z.infer<typeof linkSchema>;

/** The end of a chain: what the next link points back to. */
export interface Head {
  readonly seq: number;
  readonly hash: string;
}

/** The head of a chain without links. */
export const NO_LINKS: Head = { seq: 0, hash: GENESIS };

/** Appends an entry to the chain that ends with `head`. Pure. */
export function linkAfter(head: Head, entry: AuditEntry): Link {
  const seq = head.seq + 1;
  return { seq, prev: head.hash, entry, hash: hashOf({ seq, prev: head.hash, entry }) };
}

/** SHA-256 over JSON with sorted keys, so that a round trip through another program does not change it. */
function hashOf({ seq, prev, entry }: Omit<Link, 'hash'>): string {
  return createHash('sha256').update(canonicalJson({ seq, prev, entry })).digest('hex');
}

/** A place where a chain does not hold, in words. */
export interface Break {
  readonly seq: number;
  readonly what: string;
}

/**
 * Every place where a chain does not hold: an entry that was removed, changed, put in or moved. `links` in the order in
 * which they are kept. Removal of the newest entries leaves a chain that holds: see {@link missingIn}. Pure.
 */
export function breaksIn(links: readonly Link[]): Break[] {
  const breaks: Break[] = [];
  let head = NO_LINKS;
  for (const link of links) {
    const expected = head.seq + 1;
    if (link.seq > expected) breaks.push({ seq: expected, what: removed(expected, link.seq - 1) });
    else if (link.seq < expected)
      breaks.push({ seq: link.seq, what: `entry ${link.seq} is there twice or out of order` });
    else if (link.prev !== head.hash)
      breaks.push({ seq: link.seq, what: `entry ${link.seq} does not follow the entry before it` });
    if (hashOf(link) !== link.hash) breaks.push({ seq: link.seq, what: `entry ${link.seq} was changed` });
    head = { seq: Math.max(head.seq, link.seq), hash: link.hash };
  }
  return breaks;
}

function removed(first: number, last: number): string {
  return first === last ? `entry ${first} was removed` : `entries ${first} to ${last} were removed`;
}

/**
 * Entries that one cluster's chain has and the other's lacks, among those that concern both: what was removed from the
 * end of a chain, or never written there. `server`: URL of the API server of `links`. Pure.
 */
export function missingIn(links: readonly Link[], others: readonly Link[], server: string): AuditEntry[] {
  const present = new Set(links.map(({ entry }) => entry.id));
  return others
    .map(({ entry }) => entry)
    .filter(({ source, target }) => source.server === server || target.server === server)
    .filter(({ id }) => !present.has(id));
}

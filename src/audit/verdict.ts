import { isDeepStrictEqual } from 'node:util';
import { breaksIn, type Link, missingIn } from './chain.ts';
import type { KeptChain } from './config-map-chain.ts';
import type { AuditEntry } from './entry.ts';
import type { Witness } from './witness.ts';

/** A chain as it was read, with the API server that it was read from. */
export interface ReadChain extends KeptChain {
  readonly place: string;
  readonly server: string;
}

/** One thing that is wrong with the audit record of a cluster. */
export interface AuditFault {
  readonly place: string;
  readonly what: string;
}

/**
 * Acts that began within this time of one another, in ms, may be told of in another order in each cluster: more than all
 * tries of an append take.
 */
const AT_ONCE_MS = 10 * 60_000;
/** So many migrations are named where all of them are missed. */
const NAMED = 3;

/**
 * Everything by which the chains show that somebody changed them: entries removed, changed or moved, values that are no
 * entries, and what one cluster and the other, or chains and records of migrations, tell differently. `witnesses`: every
 * record of a migration there is, from each of its places; undefined where those were not looked for. Pure.
 */
export function faultsIn(chains: readonly ReadChain[], witnesses?: readonly Witness[]): AuditFault[] {
  return chains.flatMap((chain, index) => {
    const others = chains.filter((other) => other !== chain);
    const whats = [
      ...chain.unreadable.map((where) => `${where} is no entry`),
      ...breaksIn(chain.links).map(({ what }) => what),
      ...unpaired(chain.links),
      ...missingIn(
        chain.links,
        others.flatMap(({ links }) => links),
        chain.server,
      ).map((entry) => `${named(entry)} is in the other cluster only`),
      ...chains.slice(index + 1).flatMap((other) => differencesOf(chain, other)),
      ...(witnesses ? [...missedBy(witnesses, chain), ...unended(witnesses, chain.links)] : []),
    ];
    return whats.map((what) => ({ place: chain.place, what }));
  });
}

function named({ action, migration, event, at }: AuditEntry): string {
  return `'${action} ${migration} ${event}' of ${at}`;
}

/** Entries that are there twice, and ends of what has not begun. */
function unpaired(links: readonly Link[]): string[] {
  const ids = new Set<string>();
  const open = new Map<string, number>();
  return links.flatMap(({ seq, entry }) => {
    if (ids.has(entry.id)) return [`entry ${seq} is one that is there already`];
    ids.add(entry.id);
    const act = `${entry.action} ${entry.migration}`;
    const count = (open.get(act) ?? 0) + (entry.event === 'begun' ? 1 : -1);
    open.set(act, Math.max(0, count));
    return count < 0 ? [`${named(entry)} has no beginning`] : [];
  });
}

/** What two chains tell differently of the same entries: their fields, and their order. */
function differencesOf(chain: ReadChain, other: ReadChain): string[] {
  const elsewhere = new Map(other.links.map(({ entry }, index) => [entry.id, { entry, index }]));
  const shared = chain.links.flatMap(({ entry }) => {
    const found = elsewhere.get(entry.id);
    return found ? [{ entry, other: found.entry, index: found.index }] : [];
  });
  const changed = shared.flatMap((pair) => {
    const fields = differingFields(pair.entry, pair.other);
    return fields.length === 0
      ? []
      : [`${named(pair.entry)} is another one than in ${other.place}: ${fields.join(', ')}`];
  });
  const back = shared.toSorted((a, b) => a.index - b.index);
  const positions = new Map(shared.map(({ entry }, index) => [entry.id, index]));
  const moved =
    swappedIn(shared) ?? swappedIn(back.map(({ entry }) => ({ entry, index: positions.get(entry.id) ?? 0 })));
  if (!moved) return changed;
  return [...changed, `${named(moved[0])} and ${named(moved[1])} come in another order than in ${other.place}`];
}

/**
 * Two entries that the other chain, in which they are at `index`, has the other way round, although one was written
 * before the other: both are of one migration, or far apart in time.
 */
function swappedIn(
  shared: readonly { readonly entry: AuditEntry; readonly index: number }[],
): readonly [AuditEntry, AuditEntry] | undefined {
  const furthest = new Map<string, { entry: AuditEntry; index: number }>();
  const ALL = '';
  for (const here of shared) {
    const before = [furthest.get(here.entry.migration), furthest.get(ALL)].find(
      (there) => there && there.index > here.index && !mayBeSwapped(there.entry, here.entry),
    );
    if (before) return [before.entry, here.entry];
    for (const key of [here.entry.migration, ALL])
      if (here.index >= (furthest.get(key)?.index ?? -1)) furthest.set(key, here);
  }
  return undefined;
}

function mayBeSwapped(one: AuditEntry, other: AuditEntry): boolean {
  if (one.migration === other.migration) return false;
  return Math.abs(Date.parse(one.at) - Date.parse(other.at)) <= AT_ONCE_MS;
}

function differingFields(one: object, other: object, prefix = ''): string[] {
  const [a, b] = [one, other].map((each) => each as Readonly<Record<string, unknown>>);
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return keys.flatMap((key) => {
    const [left, right] = [a?.[key], b?.[key]];
    if (isDeepStrictEqual(left, right)) return [];
    const nested = typeof left === 'object' && typeof right === 'object' && left !== null && right !== null;
    return nested ? differingFields(left, right, `${prefix}${key}.`) : [`${prefix}${key}`];
  });
}

/** What records of migrations have seen in a chain, or that it tells of them, and that is not there any more. */
function missedBy(witnesses: readonly Witness[], { links, server }: ReadChain): string[] {
  const own = witnesses.filter(({ servers, from }) => from === server || servers.includes(server));
  const told = new Set(links.map(({ entry }) => entry.migration));
  const untold = [...new Set(own.filter(({ acted, migration }) => acted && !told.has(migration)).map(idOf))];
  const hashes = new Map(links.map(({ seq, hash }) => [seq, hash]));
  const lost = own.flatMap(({ place, migration, heads }) =>
    heads.flatMap((noted) => {
      const here = noted.filter((head) => head.server === server);
      // A cluster may be known by another address to whoever wrote its record: one of the ends is of its chain then.
      const ends = here.length > 0 ? here : noted;
      const [first] = ends;
      return first && ends.every(({ seq, hash }) => hashes.get(seq) !== hash) ? [{ ...first, place, migration }] : [];
    }),
  );
  // The chain holds together, so that one of them tells of all that come after it.
  const [first] = lost.toSorted((a, b) => a.seq - b.seq);
  const is = hashes.has(first?.seq ?? 0) ? 'another one' : 'missed';
  return [
    ...(untold.length === 0 ? [] : [`no entry tells of ${listed(untold)}, of which there is a record`]),
    ...(first === undefined ? [] : [`entry ${first.seq} is ${is}, which ${first.place} has of ${first.migration}`]),
  ];
}

const idOf = ({ migration }: { readonly migration: string }) => migration;

function listed(ids: readonly string[]): string {
  const more = ids.length - NAMED;
  return more > 0 ? `${ids.slice(0, NAMED).join(', ')} and ${more} more` : ids.join(', ');
}

/** Migrations of which the last thing that is told is a beginning, although they have ended. */
function unended(witnesses: readonly Witness[], links: readonly Link[]): string[] {
  const last = new Map(links.map(({ entry }) => [entry.migration, entry]));
  return [...last.values()]
    .filter(({ event }) => event === 'begun')
    .flatMap((entry) => {
      const own = witnesses.filter(({ migration }) => migration === entry.migration);
      if (own.length > 0 && !own.some(({ ended }) => ended)) return [];
      const why = own.length === 0 ? 'there is no record of that migration any more' : 'that migration has ended';
      return [`${named(entry)} has no end, and ${why}: its process died or could not tell, or that entry was removed`];
    });
}

import { z } from 'zod';
import { failureCode, MigrateError } from '../domain/errors.ts';
import { canonicalJson, type Json } from '../domain/json.ts';
import { COMMAND } from '../domain/names.ts';
import type { RecordState } from '../domain/standing.ts';
import type { Testimony } from './ports.ts';
import { isOfNewerVersion, type JournalRecord } from './record.ts';

/**
 * The record as all places together tell it; undefined when none has it. The authority decides where it has one: a copy
 * adds what the authority lacks only if it goes on from there, and one that cannot be read is passed over. Without the
 * authority's the copy with most writes counts. Throws F350 when places tell of different migrations, when one has a record
 * of a newer version, and what a place said when none can be read; F372 when a copy alone knows of a commit. Pure.
 */
export function agreedRecord(told: readonly Testimony[], id: string): JournalRecord | undefined {
  const found = told.flatMap(({ record }) => (record ? [record] : []));
  if (new Set(found.map((record) => record.lineage)).size > 1) {
    throw new MigrateError('F350', {
      detail: `the places that hold record ${id} tell of different migrations`,
      remedy: 'move the local copy away, and keep it for a report',
    });
  }
  const newer = told.find(({ error }) => isOfNewerVersion(error));
  if (newer) throw newer.error;
  const authority = told.find((each) => each.authority);
  if (!authority?.record) {
    const broken = told.find(({ error }) => failureCode(error) === 'F350') ?? told.find(({ error }) => error);
    // A record that cannot be read is not one that does not exist.
    if (broken && (found.length === 0 || failureCode(broken.error) === 'F350')) throw broken.error;
    return longest(found);
  }
  const { record, place } = authority;
  const contradicting = told.find((each) => each.record && contradicts(record, each.record));
  if (contradicting) throw committedElsewhere(id, place, contradicting.place);
  return longest([record, ...found.filter((copy) => goesOn(record, copy))]);
}

function longest(records: readonly JournalRecord[]): JournalRecord | undefined {
  return records.reduce<JournalRecord | undefined>(
    (best, record) => (best === undefined || record.serial > best.serial ? record : best),
    undefined,
  );
}

/** Everything that a record says is in another one too, at its beginning. Pure. */
export function isBeginningOf(record: JournalRecord, longer: JournalRecord): boolean {
  if (record.serial > longer.serial || record.entries.length > longer.entries.length) return false;
  if (record.serial === longer.serial && record.state !== longer.state) return false;
  return record.entries.every((entry, index) => textOf(entry) === textOf(longer.entries[index]));
}

/** The order in which states follow one another. */
const RANK: Readonly<Record<RecordState, number>> = {
  running: 0,
  committed: 1,
  held: 2,
  'rollback-incomplete': 3,
  done: 4,
  'rolled-back': 4,
};

/** A copy that was written to while the authority was not. */
function goesOn(authority: JournalRecord, copy: JournalRecord): boolean {
  return isBeginningOf(authority, copy) && RANK[copy.state] >= RANK[authority.state];
}

/** A copy hears of a commit only after the authority, which therefore has lost it, or somebody has led back since. */
function contradicts(authority: JournalRecord, copy: JournalRecord): boolean {
  return knowsCommit(copy) && !knowsCommit(authority) && !goesOn(authority, copy);
}

function knowsCommit({ entries }: JournalRecord): boolean {
  return entries.some(({ kind }) => kind === 'commit');
}

function textOf(value: unknown): string {
  return canonicalJson(value as Json);
}

const withHold = z.looseObject({ request: z.looseObject({ hold: z.number() }) });

/**
 * A record whose authority has none any more may be behind what became of the migration: it was begun and may have been
 * committed, or its source was held and may have been let go on. Pure.
 */
export function mayBeBehind({ serial, state, plan }: JournalRecord): boolean {
  switch (state) {
    case 'running':
      return serial > 0;
    case 'rollback-incomplete':
    case 'held':
      return true;
    case 'committed':
      return withHold.safeParse(plan).success;
    case 'done':
    case 'rolled-back':
      return false;
  }
}

/** F372: the authority has no record, and what a copy says may not be true any more. */
export function recordLost({ id, state }: JournalRecord, place: string): MigrateError {
  return new MigrateError('F372', {
    detail: `${place} has lost its record of ${id}; a copy says ${state}, and cannot know what became of the move since`,
    remedy: `look at both pods before either is touched; the copy has every object that was made. When nothing is left to be done: ${COMMAND} cleanup ${id} --abandon`,
    outcome: 'midway',
  });
}

function committedElsewhere(id: string, place: string, copy: string): MigrateError {
  return new MigrateError('F372', {
    detail: `${copy} says that ${id} is committed; ${place}, which decides that, says otherwise and goes on differently`,
    remedy: `do not touch either pod; look at every copy of the record: ${COMMAND} describe ${id}`,
    outcome: 'midway',
  });
}

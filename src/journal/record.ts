import { createHash } from 'node:crypto';
import { z } from 'zod';
import { isMigrateError, MigrateError } from '../domain/errors.ts';
import { canonicalJson, type Json } from '../domain/json.ts';
import { COMMAND, isMigrationId } from '../domain/names.ts';
import { RECORD_STATES, type RecordState } from '../domain/standing.ts';

/**
 * The version of the record that this program writes. It reads this one and older ones, and refuses newer ones.
 * 2: entries that tell who else worked on the migration (`taken-over`, `resumed`).
 * 3: the state `held`.
 * 4: entries that tell where the audit records ended (`audited`).
 */
export const SCHEMA_VERSION = 4;
type SchemaVersion = 1 | 2 | 3 | typeof SCHEMA_VERSION;

const ENTRY_KINDS = [
  'intent',
  'done',
  'failed',
  'revert-intent',
  'reverted',
  'revert-failed',
  'commit',
  'taken-over',
  'resumed',
  'audited',
] as const;
/**
 * What an entry says about its step: `intent` comes before the act, the others tell how it went. `taken-over`: the lock
 * was somebody else's. `resumed`: another process goes on with the migration. `audited`: where the audit records ended
 * when they had told of it.
 */
export type EntryKind = (typeof ENTRY_KINDS)[number];

const json: z.ZodType<Json> = z.json();
const id = z.string().refine(isMigrationId);

const entrySchema = z.strictObject({
  serial: z.int().positive(),
  time: z.iso.datetime({ precision: 3 }),
  step: z.string().min(1),
  kind: z.enum(ENTRY_KINDS),
  data: json.optional(),
});

const headerSchema = z.strictObject({
  schemaVersion: z.literal([1, 2, 3, SCHEMA_VERSION]),
  id,
  lineage: z.uuid(),
  createdAt: z.iso.datetime({ precision: 3 }),
  user: z.string(),
  host: z.string(),
  version: z.string(),
  planDigest: z.string().regex(/^[0-9a-f]{64}$/),
  plan: json,
});

const writeSchema = z.strictObject({
  serial: z.int().positive(),
  state: z.enum(RECORD_STATES),
  entries: z.array(entrySchema),
});

/** One line of a migration's history. `serial` counts the record's entries from 1; `time` is RFC 3339 with ms. */
export interface JournalEntry {
  readonly serial: number;
  readonly time: string;
  readonly step: string;
  readonly kind: EntryKind;
  /** With an intent: what undo needs. With a result: what the step yielded. */
  readonly data?: Json | undefined;
}

/** What is fixed when a migration starts. `lineage` tells two migrations of the same id apart. */
export interface JournalHeader {
  readonly schemaVersion: SchemaVersion;
  readonly id: string;
  readonly lineage: string;
  readonly createdAt: string;
  readonly user: string;
  readonly host: string;
  readonly version: string;
  /** SHA-256 of the plan's canonical JSON, in hexadecimal. */
  readonly planDigest: string;
  readonly plan: Json;
}

/** What one write adds: entries, and the state from then on. `serial` counts writes from 1 without gaps. */
export interface JournalWrite {
  readonly serial: number;
  readonly state: RecordState;
  readonly entries: readonly JournalEntry[];
}

/** The whole record of a migration as it was read. `serial` is that of the last write, 0 when there was none. */
export interface JournalRecord extends JournalHeader {
  readonly serial: number;
  readonly state: RecordState;
  readonly entries: readonly JournalEntry[];
}

/** SHA-256 over JSON with sorted keys, so that a round trip through another program does not change it. */
export function planDigest(plan: Json): string {
  return createHash('sha256').update(canonicalJson(plan)).digest('hex');
}

const OF_NEWER_VERSION = Symbol('record of a newer version');

/** An F350 for a record that is whole, and none that this version can read. Pure. */
export function isOfNewerVersion(error: unknown): boolean {
  return isMigrateError(error) && error.cause === OF_NEWER_VERSION;
}

/** Throws F350 for what is not a header of ours: newer schema, other shape, or a plan that does not match its digest. */
export function parseHeader(value: unknown, where: string): JournalHeader {
  const version = z.looseObject({ schemaVersion: z.int() }).safeParse(value);
  if (version.success && version.data.schemaVersion > SCHEMA_VERSION) {
    throw new MigrateError('F350', {
      detail: `${where} has schema version ${version.data.schemaVersion}; this version of ${COMMAND} knows ${SCHEMA_VERSION}`,
      remedy: `use the newer version of ${COMMAND} that wrote it`,
      cause: OF_NEWER_VERSION,
    });
  }
  const header = headerSchema.safeParse(value);
  if (!header.success) throw unreadable(where, header.error);
  if (planDigest(header.data.plan) !== header.data.planDigest) {
    throw new MigrateError('F350', {
      detail: `the plan in ${where} does not match its own digest: somebody changed it`,
      remedy: 'do not resume from it; look at both clusters and clean up by hand',
    });
  }
  return header.data;
}

/** Throws F350 for what is not a write of ours. */
export function parseWrite(value: unknown, where: string): JournalWrite {
  const write = writeSchema.safeParse(value);
  if (!write.success) throw unreadable(where, write.error);
  return write.data;
}

/** Puts a record together; throws F350 when writes or entries are missing or out of order. */
export function assembleRecord(header: JournalHeader, writes: readonly JournalWrite[], where: string): JournalRecord {
  const entries = writes.flatMap((write) => write.entries);
  const gap =
    writes.some((write, index) => write.serial !== index + 1) ||
    entries.some((entry, index) => entry.serial !== index + 1);
  if (gap) {
    throw new MigrateError('F350', {
      detail: `${where} has gaps: writes ${writes.map((write) => write.serial).join(', ')}`,
      remedy: 'look at both clusters and clean up by hand; keep the record for a report',
    });
  }
  return { ...header, serial: writes.length, state: writes.at(-1)?.state ?? 'running', entries };
}

/** Throws F350 for an id that could leave its folder or is no object name. */
export function checkId(value: string): string {
  if (isMigrationId(value)) return value;
  throw new MigrateError('F350', {
    detail: `'${value}' is not the id of a migration`,
    remedy: 'use an id as printed when the migration started',
  });
}

function unreadable(where: string, error: z.ZodError): MigrateError {
  const reasons = error.issues.slice(0, 3).map((issue) => `${issue.path.join('.') || 'document'}: ${issue.message}`);
  return new MigrateError('F350', {
    detail: `${where} is not a record of ${COMMAND}: ${reasons.join('; ')}`,
    remedy: 'look at both clusters and clean up by hand; keep the record for a report',
  });
}

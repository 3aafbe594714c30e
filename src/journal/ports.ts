import type { Json } from '../domain/json.ts';
import type { RecordState } from '../domain/standing.ts';
import type { EntryKind, JournalHeader, JournalRecord, JournalWrite } from './record.ts';

/** What a step reports; serial and time are added by the journal. */
export interface NewEntry {
  readonly step: string;
  readonly kind: EntryKind;
  /** RFC 3339 with ms: when it happened, where that is before the write. */
  readonly time?: string;
  /** What undo needs, or the result. Holds no secrets: the caller cleans it. */
  readonly data?: Json;
}

/** What a migration starts with; lineage, time and digest are added by the journal. */
export interface JournalStart {
  readonly id: string;
  readonly plan: Json;
  readonly user: string;
  readonly host: string;
  readonly version: string;
}

export interface WriteOptions {
  readonly signal?: AbortSignal;
}

export interface CommitOptions extends WriteOptions {
  /** What happened before it and is not written yet: part of the same write. */
  readonly before?: readonly NewEntry[];
}

/**
 * The open record of one migration. Calls that overlap are carried out one after the other.
 * Every method is one small write to each place, and returns when all of them hold it durably, but for copies that are
 * known to be behind: those are told once, and caught up with a later write. The authority alone decides whether a write
 * succeeded.
 * All throw F315 (`takenOver`) when somebody else wrote to the record or removed it (the run must stop), F350 when a
 * write is impossible, and F310 to F317 when a cluster does not take it.
 */
export interface Journal {
  /** The record as it is known here. */
  record(): JournalRecord;
  /** The time of the record's own clock, RFC 3339 with ms: for entries that are written later. */
  now(): string;
  /**
   * Adds several entries in one write: the result of one step and the intent of the next go together. After a failure
   * the act must not begin; the entries are written together with those of the next call. Nothing is written for none.
   */
  append(entries: readonly NewEntry[], options?: WriteOptions): Promise<void>;
  /**
   * The commit: one write guarded by optimistic concurrency, to the cluster first. When it returns, the target may run.
   * When it throws with outcome `failed` the move is not committed; with outcome `midway` that cannot be known
   * (the answer of one try was lost): then neither go on nor go back, and this journal takes nothing more. Idempotent.
   */
  commit(data?: Json, options?: CommitOptions): Promise<void>;
  /** The last write. Idempotent for the same state. */
  close(state: RecordState, options?: WriteOptions): Promise<void>;
}

/** What one place knows of a migration: its record, nothing, or why it cannot be asked. */
export interface Testimony {
  readonly place: string;
  /** The place whose word counts. */
  readonly authority: boolean;
  readonly record?: JournalRecord;
  readonly error?: unknown;
}

/** Where records are kept. */
export interface JournalStore {
  /** Starts a record. Throws F350 when there is one of that id. */
  open(start: JournalStart, options?: WriteOptions): Promise<Journal>;
  /** Asks every place, the authority first. Throws F350 only for an id that is none. */
  survey(id: string, options?: WriteOptions): Promise<readonly Testimony[]>;
  /**
   * Reads a record without changing it, as all places that can be asked tell it together; undefined when none of them
   * has it. Throws F350 when places tell of different migrations or one has a record of a newer version, F372 when a copy
   * alone knows of a commit, and what a place said when none can be asked.
   */
  load(id: string, options?: WriteOptions): Promise<JournalRecord | undefined>;
  /**
   * Removes a record from every place, the authority last. Idempotent. Throws what the first place that fails says, but for
   * one that cannot be reached where `onUnreachable` is told of that: there it stays.
   */
  remove(id: string, options?: WriteOptions & { readonly onUnreachable?: (place: string) => void }): Promise<void>;
  /**
   * Takes up a record that an earlier process left, and brings every place that can be asked to where it is; a copy that
   * is damaged or says something else is set aside and written anew. One that has ended, and that the authority has no
   * more, is made nowhere anew. Undefined when no place has it. Throws what `load` throws, what the authority said when it
   * cannot be asked, and F372 when it lost the record of something unfinished: a copy cannot tell what became of that.
   */
  reopen(id: string, options?: WriteOptions): Promise<Journal | undefined>;
}

export interface SinkWriteOptions extends WriteOptions {
  /**
   * Nobody may act on a belief about this write: where it cannot be known whether it was carried out, or still will be,
   * the outcome of what is thrown is `midway`.
   */
  readonly decisive?: boolean;
}

/** One place that a record is written to: a file, or a ConfigMap in a cluster. */
export interface JournalSink {
  /** How messages name the place. */
  readonly place: string;
  /** Throws F350 when there is such a record already. */
  create(header: JournalHeader, options?: WriteOptions): Promise<void>;
  /**
   * Adds writes in one go, durable when it returns. Their serials follow the last one; those that the place already has
   * are passed over, so repeating a write whose outcome was unknown is safe. Throws F315 (`takenOver`) when the
   * record is not as this process left it.
   */
  write(id: string, writes: readonly JournalWrite[], options?: SinkWriteOptions): Promise<void>;
  /** Takes what is there of a record out of the way, and yields where it can be looked at, if anywhere. */
  setAside(id: string, options?: WriteOptions): Promise<string | undefined>;
  /** Removes the record and what was set aside of it. Idempotent. */
  remove(id: string, options?: WriteOptions): Promise<void>;
  /** Reads the record and makes its present version the one that the next write builds on. */
  load(id: string, options?: WriteOptions): Promise<JournalRecord | undefined>;
}

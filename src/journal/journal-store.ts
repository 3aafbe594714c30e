import { allEnded } from '../domain/all-ended.ts';
import type { Clock } from '../domain/clock.ts';
import { failureCode, isMigrateError, MigrateError } from '../domain/errors.ts';
import type { Json } from '../domain/json.ts';
import { isFinished, type RecordState } from '../domain/standing.ts';
import { agreedRecord, isBeginningOf, mayBeBehind, recordLost } from './agreement.ts';
import { isUnreachable } from './if-reachable.ts';
import type {
  Journal,
  JournalSink,
  JournalStart,
  JournalStore,
  NewEntry,
  SinkWriteOptions,
  Testimony,
  WriteOptions,
} from './ports.ts';
import {
  checkId,
  type JournalEntry,
  type JournalHeader,
  type JournalRecord,
  type JournalWrite,
  planDigest,
  SCHEMA_VERSION,
} from './record.ts';

export interface JournalStoreOptions {
  /** The place that decides what is true, such as the source cluster. */
  readonly authority: JournalSink;
  /** Copies: written at the same time, except for decisions (commit, end), where the authority comes first. */
  readonly copies: readonly JournalSink[];
  readonly clock: Clock;
  /** Makes a random UUID. */
  readonly newUuid: () => string;
  /** Told when a copy begins to miss writes. */
  readonly onStaleCopy?: (place: string, error: unknown) => void;
  /**
   * Told when a copy is written anew: because it could not be read (`error`), or said something else than the authority.
   * `where`: what it said is there now, if anywhere.
   */
  readonly onSetAside?: (place: string, error: unknown, where: string | undefined) => void;
}

/** What one record may hold, in bytes of JSON: a ConfigMap ends at 1 MiB. */
export const RECORD_LIMIT = 1_000_000;
/** Kept free for the way back, the commit and the end: a full record must not keep anybody from those. */
export const RESERVED = 200_000;

/** Keeps every record in several places at once. See JournalStore and Journal for the contract. */
export function createJournalStore(options: JournalStoreOptions): JournalStore {
  const sinks = [options.authority, ...options.copies];
  const survey = (id: string, write?: WriteOptions): Promise<Testimony[]> => {
    checkId(id);
    return Promise.all(sinks.map((sink) => ask(sink, sink === options.authority, id, write)));
  };
  return {
    open: async (start, write) => {
      const header = newHeader(start, options);
      await createEverywhere(header, options, write);
      return createJournal({ ...header, serial: 0, state: 'running', entries: [] }, options);
    },
    survey,
    load: async (id, write) => agreedRecord(await survey(id, write), id),
    remove: async (id, write) => {
      for (const sink of [...options.copies, options.authority]) {
        const failure = await failing(() => sink.remove(checkId(id), write));
        if (failure === undefined) continue;
        if (!write?.onUnreachable || !isUnreachable(failure)) throw failure;
        write.onUnreachable(sink.place);
      }
    },
    reopen: async (id, write) => {
      const told = await survey(id, write);
      const authority = told.find((each) => each.authority);
      if (authority?.error !== undefined) throw authority.error;
      const record = agreedRecord(told, id);
      if (record === undefined) return undefined;
      if (!authority?.record && mayBeBehind(record)) throw recordLost(record, options.authority.place);
      const isForgotten = !authority?.record && isFinished(record.state);
      await Promise.all(
        sinks.map(async (sink, index) => {
          // What has ended is made nowhere anew: the namespace that it was in may be gone.
          if (isForgotten && !told[index]?.record) return;
          const caughtUp = await failing(() => bringUp(sink, told[index], record, options.onSetAside, write));
          if (caughtUp === undefined) return;
          if (sink === options.authority) throw caughtUp;
          options.onStaleCopy?.(sink.place, caughtUp);
        }),
      );
      return createJournal(record, options);
    },
  };
}

async function ask(sink: JournalSink, authority: boolean, id: string, write?: WriteOptions): Promise<Testimony> {
  const { place } = sink;
  try {
    const record = await sink.load(id, write);
    return { place, authority, ...(record && { record }) };
  } catch (error) {
    return { place, authority, error };
  }
}

/** What an act throws, as a value. */
async function failing(act: () => Promise<void>): Promise<unknown> {
  try {
    await act();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** What a migration's record begins with. Throws F350 for a plan that is too large to be recorded. */
export function newHeader(start: JournalStart, options: Pick<JournalStoreOptions, 'clock' | 'newUuid'>): JournalHeader {
  const header: JournalHeader = {
    schemaVersion: SCHEMA_VERSION,
    id: checkId(start.id),
    lineage: options.newUuid(),
    createdAt: timeOf(options.clock),
    user: start.user,
    host: start.host,
    version: start.version,
    planDigest: planDigest(start.plan),
    plan: start.plan,
  };
  const size = byteLength(header);
  if (size > RECORD_LIMIT - RESERVED) throw tooLarge(start.id, size);
  return header;
}

/**
 * Copies first, so that a full disk leaves nothing in the cluster that decides; what was made, or may have been, goes when one
 * fails.
 */
async function createEverywhere(
  header: JournalHeader,
  options: JournalStoreOptions,
  write: WriteOptions | undefined,
): Promise<void> {
  const made = new Set<JournalSink>();
  const create = async (sink: JournalSink): Promise<void> => {
    made.add(sink);
    try {
      await sink.create(header, write);
    } catch (error) {
      // One that was there before is somebody else's.
      if (failureCode(error) === 'F350') made.delete(sink);
      throw error;
    }
  };
  try {
    await allEnded(options.copies.map(create));
    await create(options.authority);
  } catch (error) {
    await Promise.allSettled([...made].map((sink) => sink.remove(header.id)));
    throw error;
  }
}

/**
 * Brings a place to where the record is; what is of no use there is set aside first. Throws what the place says when it
 * cannot be asked.
 */
async function bringUp(
  sink: JournalSink,
  told: Testimony | undefined,
  wanted: JournalRecord,
  onSetAside: JournalStoreOptions['onSetAside'],
  options?: WriteOptions,
): Promise<void> {
  const { record, error } = told ?? {};
  const isDamaged = failureCode(error) === 'F350';
  if (error !== undefined && !isDamaged) throw error;
  if (!isDamaged && (!record || isBeginningOf(record, wanted))) return catchUp(sink, record, wanted, options);
  const where = await sink.setAside(wanted.id, options);
  onSetAside?.(sink.place, error, where);
  return catchUp(sink, undefined, wanted, options);
}

/** Brings a place that lacks writes (or the whole record) to where the others are, in one write. */
async function catchUp(
  sink: JournalSink,
  has: JournalRecord | undefined,
  wanted: JournalRecord,
  options?: WriteOptions,
): Promise<void> {
  if (has?.serial === wanted.serial) return;
  const { serial: _serial, state: _state, entries: _entries, ...header } = wanted;
  if (has === undefined) await sink.create(header, options);
  const first = (has?.serial ?? 0) + 1;
  const missing = wanted.entries.slice(has?.entries.length ?? 0);
  const writes = Array.from({ length: wanted.serial - first + 1 }, (_, index): JournalWrite => {
    const serial = first + index;
    return { serial, state: wanted.state, entries: serial === wanted.serial ? missing : [] };
  });
  await sink.write(wanted.id, writes, options);
}

/** A sink with the writes that it has not confirmed; they are sent again with the next one. */
interface Place {
  readonly sink: JournalSink;
  backlog: readonly JournalWrite[];
}

/** A place that may fall behind. */
interface Copy extends Place {
  /** It missed a write, and that was told. */
  stale: boolean;
  /** Ends when the last write to it has; never rejects. */
  turn: Promise<void>;
  /** A turn is still to begin: it sends whatever the backlog holds by then. */
  waiting: boolean;
  /** Ends the try that is under way, if one is. */
  trying: AbortController;
}

function newCopy(sink: JournalSink): Copy {
  const turn = Promise.resolve();
  return { sink, backlog: [], stale: false, turn, waiting: false, trying: new AbortController() };
}

async function send(
  place: Place,
  id: string,
  write: JournalWrite,
  options: SinkWriteOptions | undefined,
): Promise<void> {
  const writes = [...place.backlog, write];
  place.backlog = writes;
  await place.sink.write(id, writes, options);
  place.backlog = [];
}

/** Writes to a copy after what is under way there; what it misses is told once and sent again with the next write. */
function copyTo(copy: Copy, write: JournalWrite, id: string, told: JournalStoreOptions['onStaleCopy']): Promise<void> {
  copy.backlog = [...copy.backlog, write];
  if (!copy.waiting) {
    copy.waiting = true;
    copy.turn = copy.turn.then(() => sendBacklog(copy, id, told));
  }
  // Nobody waits for one that is behind already: it may be a cluster that is gone.
  return copy.stale ? Promise.resolve() : copy.turn;
}

async function sendBacklog(copy: Copy, id: string, told: JournalStoreOptions['onStaleCopy']): Promise<void> {
  copy.waiting = false;
  const writes = copy.backlog;
  copy.trying = new AbortController();
  const { signal } = copy.trying;
  const error = await failing(() => copy.sink.write(id, writes, { signal }));
  if (error === undefined) copy.backlog = copy.backlog.slice(writes.length);
  else if (!copy.stale) told?.(copy.sink.place, error);
  copy.stale = error !== undefined;
}

/** Waits until a copy has been sent everything. One that is behind gets a single try, however much it has missed. */
async function settled(copy: Copy): Promise<void> {
  // What is under way there says less than what waits.
  if (copy.stale && copy.waiting) copy.trying.abort();
  await copy.turn;
}

function createJournal(start: JournalRecord, options: JournalStoreOptions): Journal {
  let record = start;
  let size = byteLength(start);
  const authority: Place = { sink: options.authority, backlog: [] };
  const copies = options.copies.map(newCopy);
  const compose = (entries: readonly NewEntry[], state: RecordState): JournalWrite => {
    const write = { serial: record.serial + 1, state, entries: entries.map(stamp(record, options.clock)) };
    const forward = entries.some((entry) => entry.kind === 'intent' || entry.kind === 'done');
    if (size + byteLength(write) > RECORD_LIMIT - (forward ? RESERVED : 0)) throw tooLarge(record.id, size);
    return write;
  };
  const keep = (write: JournalWrite): void => {
    size += byteLength(write);
    record = { ...record, serial: write.serial, state: write.state, entries: [...record.entries, ...write.entries] };
  };
  const copy = (write: JournalWrite) =>
    Promise.all(copies.map((place) => copyTo(place, write, record.id, options.onStaleCopy)));
  const append = async (entries: readonly NewEntry[], write?: WriteOptions): Promise<void> => {
    if (entries.length === 0) return;
    const next = compose(entries, record.state);
    keep(next);
    // All of them to their end, or the next write would overlap with one that is still under way.
    const [sent] = await Promise.allSettled([send(authority, record.id, next, write), copy(next)]);
    if (sent.status === 'rejected') throw sent.reason;
  };
  /** The authority first, and it alone decides: a copy must never know of a commit that did not happen. */
  const decide = async (entries: readonly NewEntry[], state: RecordState, write?: SinkWriteOptions): Promise<void> => {
    if (record.state === state) return;
    const next = compose(entries, state);
    const before = authority.backlog;
    try {
      await send(authority, record.id, next, write);
    } catch (error) {
      authority.backlog = before;
      throw error;
    }
    keep(next);
    void copy(next);
  };
  /** Nobody knows whether the move is committed: what this process says from then on could be wrong in any copy. */
  let unknown: MigrateError | undefined;
  const queue = createQueue();
  const inTurn = (act: () => Promise<void>) =>
    queue(() => {
      if (unknown) throw unknown;
      return act();
    });
  return {
    record: () => record,
    now: () => timeOf(options.clock),
    append: (entries, write) => inTurn(() => append(entries, write)),
    commit: (data, write) =>
      inTurn(async () => {
        const entry: NewEntry = { step: 'commit', kind: 'commit', ...(data === undefined ? {} : { data }) };
        try {
          await decide([...(write?.before ?? []), entry], 'committed', { ...write, decisive: true });
        } catch (error) {
          if (isMigrateError(error) && error.outcome === 'midway') unknown = error;
          throw error;
        }
      }),
    close: (state, write) =>
      inTurn(async () => {
        await decide([], state, write);
        await Promise.all(copies.map(settled));
      }),
  };
}

function timeOf(clock: Clock): string {
  return new Date(clock.now()).toISOString();
}

function stamp(record: JournalRecord, clock: Clock): (entry: NewEntry, index: number) => JournalEntry {
  const now = timeOf(clock);
  return ({ step, kind, time = now, data }, index) => ({
    serial: record.entries.length + 1 + index,
    time,
    step,
    kind,
    ...(data === undefined ? {} : { data }),
  });
}

/** The runner writes while it acts on the way back; its writes must still follow one another. */
function createQueue(): (act: () => Promise<void>) => Promise<void> {
  let last: Promise<unknown> = Promise.resolve();
  return (act) => {
    const turn = last.then(act);
    last = turn.catch(() => undefined);
    return turn;
  };
}

function byteLength(value: JournalHeader | JournalWrite | { readonly plan: Json }): number {
  return Buffer.byteLength(JSON.stringify(value)) + 64;
}

function tooLarge(id: string, size: number): MigrateError {
  return new MigrateError('F350', {
    detail: `record ${id} has ${size} bytes, and may hold ${RECORD_LIMIT}`,
    remedy: 'report this with the plan (-o yaml --dry-run): a plan is never this large',
  });
}

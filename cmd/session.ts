import type { AuditEntry } from '../src/audit/entry.ts';
import type { Clock } from '../src/domain/clock.ts';
import { asMigrateError, failureCode, isMigrateError, MigrateError } from '../src/domain/errors.ts';
import { COMMAND } from '../src/domain/names.ts';
import type { Deadlines, Plan } from '../src/domain/plan.ts';
import { SIDES, type Side } from '../src/domain/refs.ts';
import { isCommitted, type RecordState } from '../src/domain/standing.ts';
import { createEngine, type EngineOptions } from '../src/engines/create-engine.ts';
import { ensureNamespace, removeEmptyNamespaces } from '../src/engines/helper/system-namespace.ts';
import { expectNoneCommitted } from '../src/journal/committed-locks.ts';
import { type ConfigMapSink, createConfigMapSink, journalRef, recordSides } from '../src/journal/config-map-sink.ts';
import { ifReachable, isUnreachable } from '../src/journal/if-reachable.ts';
import { createJournalStore } from '../src/journal/journal-store.ts';
import { leaseRefs, type Worker } from '../src/journal/lease.ts';
import { dropLocks } from '../src/journal/lease-access.ts';
import { takeLock } from '../src/journal/lock.ts';
import type { Lock } from '../src/journal/lock-keeping.ts';
import type { LockOptions } from '../src/journal/lock-options.ts';
import type { Journal, JournalSink, JournalStore } from '../src/journal/ports.ts';
import { dropWithheld, keepWithheld, recordedForm, withWithheld } from '../src/journal/withheld-secret.ts';
import type { ApiClient } from '../src/kube/api-client.ts';
import { createGateway } from '../src/kube/gateway.ts';
import type { ClusterReader, Gateway, Unanswered } from '../src/kube/ports.ts';
import { RESOURCES } from '../src/kube/resources.ts';
import type { Reporter } from '../src/report/message.ts';
import { type RunOptions, SILENT } from '../src/runner/context.ts';
import { onTheRecord } from './audit-trail.ts';

/** What a process brings along to work on a migration. */
export interface Workplace {
  readonly source: { readonly reader: ClusterReader; readonly api: ApiClient };
  readonly target: { readonly reader: ClusterReader; readonly api: ApiClient };
  readonly reporter: Reporter;
  readonly clock: Clock;
  /** Copies of the record beside the clusters, such as the local file. */
  readonly copies: readonly JournalSink[];
  readonly worker: Worker;
  readonly newUuid: () => string;
  readonly registryFor: EngineOptions['registryFor'];
  /** `--force-unlock`. */
  readonly forceUnlock: boolean;
  /** Other deadlines than those of the plan. */
  readonly deadlines?: Partial<Deadlines>;
  readonly interrupt: AbortSignal;
  /** Aborted right before this process ends without another chance to do anything. */
  readonly insisted?: AbortSignal | undefined;
}

/** The open work on one migration: what the runner needs, but for the steps. */
export interface Session extends Omit<RunOptions, 'steps'> {
  /** Runs an act between two entries of the audit records. Throws F351 when it cannot begin; nothing of it is left then. */
  onTheRecord<T>(action: AuditEntry['action'], act: () => Promise<T>): Promise<T>;
}

/**
 * Begins a migration: opens the record and takes the lock. From here on the clusters are written to. Throws F370 with who
 * has the lock; then nothing of this is left.
 */
export async function beginSession(plan: Plan, place: Workplace): Promise<Session> {
  const { gateway, readers, store, authority } = tools(plan, place);
  const leave = async (journal: Journal | undefined): Promise<void> => {
    const signal = new AbortController().signal;
    // As far as the clusters let it: what one refuses must not keep the rest.
    await dropWithheld({ plan, gateway }, { signal, untold: () => undefined }).catch(() => undefined);
    if (journal) await store.remove(plan.id, { signal });
    await removeEmptyNamespaces({ plan, ...readers, gateway, signal }, SIDES);
  };
  const start = { id: plan.id, plan: recordedForm(plan), ...place.worker };
  let journal: Journal | undefined;
  try {
    for (const side of SIDES) await ensureNamespace(gateway, plan, side, place.interrupt);
    // The record first: whoever finds a lock can look up what it is for.
    journal = await store.open(start);
    await keepWithheld({ plan, gateway }, place.interrupt);
    const lock = await lockFor(plan, place, gateway);
    return session(plan, place, { unguarded: gateway, authority, lock, journal, takingUp: false });
  } catch (error) {
    const mayCome = (await gateway.landed()).length > 0;
    // Nothing has begun; what was made goes again, as far as the clusters let it. The record stays where more may come.
    if (!journal || !mayCome) await leave(journal).catch(() => undefined);
    const unanswered = await gateway.landed();
    if (unanswered.length === 0) throw error;
    throw withWhatMayCome(error, unanswered, journal ? `${COMMAND} rollback ${plan.id}` : 'look for it and remove it');
  }
}

/**
 * Takes up a migration that another process left. Throws F374 when there is no record of it, F370 when somebody is at
 * work on it, and F310 or F311 with outcome `midway` when only a cluster that cannot be asked knows whether it is
 * committed.
 */
export async function takeUpSession(recorded: Plan, place: Workplace): Promise<Session> {
  const { gateway, readers, store, authority } = await usableTools(recorded, place);
  const plan = await withWithheld(recorded, readers, { signal: place.interrupt, untold: untoldTo(recorded, place) });
  const onUnreachable = (side: Side, error: unknown) => {
    // Without its namespace there is no lock, and nobody to keep off.
    if (failureCode(error) === 'F314') return;
    const text = `${plan[side].context} cannot be asked: what is there stays as it is`;
    place.reporter.notify({ code: 'W421', text });
  };
  const lock = await lockFor(plan, place, gateway, { takingUp: true, onUnreachable });
  try {
    const journal = await store.reopen(plan.id);
    if (!journal) throw noRecord(plan.id, 'any of its places any more');
    return session(plan, place, { unguarded: gateway, authority, lock, journal, takingUp: true });
  } catch (error) {
    await lock.leave();
    throw error;
  }
}

/**
 * Removes what is left of a migration itself: helper pods, locks, records, and the namespace where nothing else is in it.
 * A helper that has to let its source go on does so as it ends. Of an unfinished one (`abandon`) only while nobody is at
 * work on it: else F370; a cluster of it that cannot be asked, and may be gone for good, keeps what it has, and that is told.
 */
export async function removeLeftovers(plan: Plan, place: Workplace, abandon: boolean): Promise<void> {
  const { gateway, readers, store } = tools(plan, place);
  const signal = place.interrupt;
  let unreachable: unknown;
  const leave = (_side: Side, error: unknown) => {
    unreachable ??= error;
  };
  const leaving = abandon ? { onUnreachable: leave } : {};
  const lock = abandon ? await lockFor(plan, place, gateway, leaving) : undefined;
  if (lock && leaseRefs(plan).every(({ side }) => lock.unasked.includes(side))) throw unreachable;
  for (const side of lock?.unasked ?? []) {
    const text = `${plan[side].context} cannot be asked: what is there of ${plan.id} stays: ${COMMAND} cleanup ${plan.id} --abandon removes it as soon as it can be`;
    place.reporter.notify({ code: 'W421', text });
  }
  const engine = createEngine({ plan, ...readers, gateway, registryFor: place.registryFor });
  await engine.remove({ plan, results: {}, signal, ...SILENT }).catch((error: unknown) => {
    if (!lock?.unasked.length || !isUnreachable(error)) throw error;
  });
  await lock?.remove(signal);
  await dropLocks({ plan, ...readers, gateway, signal, ...leaving });
  await dropWithheld({ plan, gateway }, { signal, untold: untoldTo(plan, place) });
  await store.remove(plan.id, { signal, ...(abandon && { onUnreachable: () => undefined }) });
  for (const side of SIDES)
    await ifReachable(side, leaving, () => removeEmptyNamespaces({ plan, ...readers, gateway, signal }, [side]));
}

/** F374. */
export function noRecord(id: string, where: string): MigrateError {
  return new MigrateError('F374', {
    detail: `${id} is not in ${where}`,
    remedy: `name the clusters of that move with --context and --to-context; ${COMMAND} list shows what is known here`,
    outcome: 'usage',
  });
}

/**
 * Where the source cluster cannot be asked, a copy that says `committed` counts: a copy is told of a commit only after
 * it happened, and a commit is never taken back.
 */
async function usableTools(plan: Plan, place: Workplace): Promise<ReturnType<typeof tools>> {
  const usual = tools(plan, place);
  const told = await usual.store.survey(plan.id);
  if (told.every(({ record, error }) => !record && error === undefined)) {
    throw noRecord(plan.id, told.map(({ place }) => place).join('; '));
  }
  const { error } = told.find(({ authority }) => authority) ?? {};
  const code = failureCode(error);
  if (!isMigrateError(error) || (code !== 'F310' && code !== 'F311')) return usual;
  const committed = told.find(({ record }) => record !== undefined && isCommitted(record.state));
  if (!committed || plan.oneCluster) throw unknowable(plan, error);
  const text = `${plan.source.context} cannot be asked; ${committed.place} says that the move is committed`;
  place.reporter.notify({ code: 'W421', text });
  return tools(plan, place, 'target');
}

function unknowable({ id, source }: Plan, error: MigrateError): MigrateError {
  return new MigrateError(error.code, {
    detail: `${error.detail}; whether ${id} is committed only ${source.context} knows, and no copy says so`,
    remedy: `${error.remedy}; then: ${COMMAND} resume ${id}. Until then neither side is to be touched`,
    outcome: 'midway',
    cause: error,
  });
}

/** The record that decides. */
interface Authority {
  readonly side: Side;
  readonly sink: ConfigMapSink;
}

/** The gateway of a plan, and its records in both clusters and beside them. */
function tools(
  plan: Plan,
  place: Workplace,
  deciding: Side = 'source',
): { gateway: Gateway; readers: Readers; store: JournalStore; authority: Authority } {
  const { source, target, clock, copies, newUuid, reporter } = place;
  const gateway = gatewayOf(plan, place);
  const readers = { source: source.reader, target: target.reader };
  const authority = createConfigMapSink({ reader: readers[deciding], gateway });
  const others = deciding === 'source' ? recordSides(plan).filter((side) => side !== deciding) : [];
  const mirrors = others.map((side) => createConfigMapSink({ reader: readers[side], gateway }));
  const store = createJournalStore({
    authority,
    copies: [...mirrors, ...copies],
    clock,
    newUuid,
    onStaleCopy: (where, error) =>
      reporter.notify({ code: 'W421', text: `the copy of the journal in ${where} is behind: ${String(error)}` }),
    onSetAside: (...what) => reporter.notify({ code: 'W421', text: writtenAnew(...what) }),
  });
  return { gateway, readers, store, authority: { side: deciding, sink: authority } };
}

function writtenAnew(where: string, error: unknown, now: string | undefined): string {
  const why = error === undefined ? 'it says something else than the record that counts' : asMigrateError(error).detail;
  const there = now === undefined ? '' : `; what was there is ${now}`;
  return `the copy of the journal in ${where} is written anew: ${why}${there}`;
}

/** Tells of a cluster that does not say what is withheld of a plan, or cannot be asked to remove it. */
function untoldTo({ id, ...sides }: Plan, { reporter }: Workplace) {
  return (side: Side, error: unknown): void => {
    const { detail } = asMigrateError(error);
    reporter.notify({
      code: 'W421',
      text: `${sides[side].context}: secret kubectl-migrate/${id} stays as it is: ${detail}`,
    });
  };
}

function gatewayOf({ effects }: Plan, { source, target, clock }: Workplace, mayWrite?: Lock['confirm']): Gateway {
  const apis = { source: source.api, target: target.api };
  return createGateway({ ...apis, effects, clock, ...(mayWrite && { mayWrite }) });
}

interface Readers {
  readonly source: ClusterReader;
  readonly target: ClusterReader;
}

/** Takes the locks of a plan for this process. Throws F370 with who has them. */
function lockFor(
  plan: Plan,
  place: Workplace,
  gateway: Gateway,
  more: Pick<LockOptions, 'takingUp' | 'onUnreachable'> = {},
): Promise<Lock> {
  const { source, target, clock, worker, newUuid, forceUnlock, interrupt, reporter } = place;
  const readers = { source: source.reader, target: target.reader };
  // What cannot be asked is told of by whoever takes the locks.
  const skipping = more.onUnreachable ? { onUnreachable: () => undefined } : {};
  return takeLock({
    plan,
    ...readers,
    gateway,
    clock,
    worker,
    process: `${worker.host}/${newUuid()}`,
    force: forceUnlock,
    mayForce: (id) => expectNoneCommitted([id], { ...readers, signal: interrupt, ...skipping }),
    signal: interrupt,
    onWait: (text) => reporter.notify({ code: 'I406', text }),
    ...more,
  });
}

/** Where both clusters stand when a process ends at once, and what goes on from there. */
function lastWords({ id, source, target, deadlines }: Plan, state: RecordState): string {
  const where = isCommitted(state)
    ? `committed: ${target.pod} runs in ${target.context} or is about to, and never again in ${source.context}`
    : `not known to be committed: ${source.pod} serves from ${source.context}, or, if it was frozen, goes on by itself after ${deadlines.maxFreeze / 1000} s unless the commit was under way; what was made in ${target.context} is still there`;
  return `stopped at once; ${where}. Next: ${COMMAND} resume ${id}`;
}

function session(
  plan: Plan,
  place: Workplace,
  parts: {
    /**
     * Asks no lock before it writes: for the journal and the audit record. A write to the record is conditional on how this
     * process left it, and whoever takes the migration up writes there before they act: the record alone guards the commit,
     * whose source stands still while a lock would be asked for.
     */
    readonly unguarded: Gateway;
    readonly authority: Authority;
    readonly lock: Lock;
    readonly journal: Journal;
    readonly takingUp: boolean;
  },
): Session {
  const { journal } = parts;
  // A process that could not renew its locks for a while, or slept, looks whether they are still its own before it acts.
  const gateway = gatewayOf(plan, place, parts.lock.confirm);
  place.insisted?.addEventListener('abort', () =>
    place.reporter.notify({ code: 'W424', text: lastWords(plan, journal.record().state) }),
  );
  const readers = { source: place.source.reader, target: place.target.reader };
  const patient = { ...plan, deadlines: { ...plan.deadlines, ...place.deadlines } };
  const engine = createEngine({ plan: patient, ...readers, gateway, registryFor: place.registryFor });
  const context = { plan: patient, ...readers, gateway, reporter: place.reporter, engine };
  // When its lock goes, nobody takes the migration up any more: what is withheld goes first, while the lock still guards that.
  const lockAndSecret: Lock = {
    ...parts.lock,
    remove: async (signal) => {
      const [dropped] = await Promise.allSettled([dropWithheld(context, { signal, untold: untoldTo(plan, place) })]);
      await parts.lock.remove(signal);
      if (dropped.status === 'rejected') throw dropped.reason;
    },
  };
  const forget = async (signal: AbortSignal): Promise<void> => {
    const { side: deciding, sink } = parts.authority;
    // Whoever has taken the migration up needs all of this.
    const own = await sink.own(plan.id, { signal });
    await lockAndSecret.remove(signal);
    // The authority’s goes last: until then anybody can see that this is under way. The local copy is kept as history.
    for (const side of recordSides(plan).toReversed()) {
      const ref = { ...journalRef(side, plan.id), resource: RESOURCES.configMap };
      if (side !== deciding) await gateway.delete(ref, { signal });
      else if (own) await gateway.delete(ref, { signal, ...own });
    }
    await removeEmptyNamespaces({ ...context, signal }, SIDES);
  };
  const { takingUp } = parts;
  return {
    context,
    journal,
    lock: lockAndSecret,
    interrupt: AbortSignal.any([place.interrupt, parts.lock.lost]),
    forget,
    onTheRecord: async (action, act) => {
      let begun = false;
      const noted = () => {
        begun = true;
        return act();
      };
      try {
        // Whoever lost its locks tells of its end all the same.
        return await onTheRecord(plan, place, { gateway: parts.unguarded, action, takingUp, journal }, noted);
      } catch (error) {
        if (begun) throw error;
        try {
          if (!takingUp) await forget(new AbortController().signal);
        } catch (left) {
          throw withWhatIsLeft(plan, error, left);
        } finally {
          await parts.lock.leave();
        }
        throw error;
      }
    },
  };
}

/** Why a migration did not begin, and what of it may still be made. */
function withWhatMayCome(why: unknown, unanswered: readonly Unanswered[], first: string): MigrateError {
  const { code, detail, remedy, outcome } = asMigrateError(why);
  return new MigrateError(code, {
    detail: [detail, ...unanswered.map(({ error }) => error.detail)].join('; '),
    remedy: `for what comes of that: ${first}; then: ${remedy}`,
    outcome,
    cause: why,
  });
}

/** Why a migration did not begin, and why what was made for it is still there. */
function withWhatIsLeft({ id }: Plan, why: unknown, left: unknown): MigrateError {
  const { code, detail, remedy, outcome } = asMigrateError(why);
  return new MigrateError(code, {
    detail: `${detail}; what was made for it could not be removed: ${asMigrateError(left).detail}`,
    remedy: `${remedy}; then: ${COMMAND} rollback ${id}`,
    outcome,
    cause: why,
  });
}

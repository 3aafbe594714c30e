import type { Clock } from '../domain/clock.ts';
import { asMigrateError, failureCode, isMigrateError, MigrateError } from '../domain/errors.ts';
import type { Json } from '../domain/json.ts';
import { COMMAND, LOCK_MS } from '../domain/names.ts';
import type { Plan } from '../domain/plan.ts';
import type { Side } from '../domain/refs.ts';
import { isRefusal } from '../kube/errors.ts';
import type { Lease } from '../kube/objects.ts';
import type { ClusterReader, Gateway } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { ifReachable, type ReachOptions } from './if-reachable.ts';
import {
  heldBy,
  holderOf,
  LAPSED_ANNOTATION,
  type LeaseRef,
  type LockHolder,
  type LockPlaces,
  leaseFor,
  leaseRefs,
  microTime,
  type Worker,
} from './lease.ts';

/** Between two renewals, in ms. */
const RENEW_MS = 3000;
/**
 * So long does a renewal wait for its answer, and so long is paused before it is tried again, in ms: with one answer lost, and
 * the conflict that follows from that, the lock is still renewed within LOCK_MS.
 */
const ANSWER_MS = 3000;
const RENEW_AGAIN_MS = 1000;
/** How long a cluster is asked whether a lock is this process's still, in ms: its API server may restart meanwhile. */
const CONFIRM_MS = 10_000;
/** Whoever is silent for so long while looked at, and long overdue by the clock, is gone. Longer than a renewal takes. */
const WATCH_MS = 5000;
const LOOK_MS = 1000;
/** How often somebody else may be faster. */
const TRIES = 5;

export interface LockOptions extends ReachOptions {
  readonly plan: Plan;
  readonly source: ClusterReader;
  readonly target: ClusterReader;
  readonly gateway: Gateway;
  readonly clock: Clock;
  readonly worker: Worker;
  /** Names this process among all that ever hold a lock. */
  readonly process: string;
  /** `--force-unlock`: another migration's lock is taken as well, if nobody is at work on that. */
  readonly force: boolean;
  /** Asked with another migration's id right before its lock is taken; what it throws keeps that from being taken. */
  readonly mayForce?: (migration: string) => Promise<void>;
  /** The migration was begun before: a lock of it that is gone, or another one's, has lapsed, and the Lease says so. */
  readonly takingUp?: boolean;
  readonly signal: AbortSignal;
  readonly onWait?: (why: string) => void;
}

type LookOptions = Pick<LockOptions, 'plan' | 'source' | 'target' | 'signal' | 'onUnreachable'>;

/** The locks of one migration, held and renewed by this process. */
export interface Lock {
  /** Aborted with F371 when somebody else has taken one of them. */
  readonly lost: AbortSignal;
  /** Who held them before, where that was somebody else. */
  readonly takenFrom: readonly LockHolder[];
  /** Where a cluster could not be asked, so that nothing is known of who has the lock there. */
  readonly unasked: readonly Side[];
  /**
   * Returns when that side's lock is known to be this process's still: at once while it was renewed a moment ago, or once
   * the lock was removed or left, else when it has been renewed again, as after this machine slept. Throws F371 when
   * somebody else has one, or what the cluster answers.
   */
  confirm(side: Side): Promise<void>;
  /** The migration has ended: the Leases go. Idempotent. Throws what a cluster answers. */
  remove(signal: AbortSignal): Promise<void>;
  /** This process ends and the migration goes on: the Leases stay, and name nobody. Idempotent, never throws. */
  leave(): Promise<void>;
}

/** One lock that this process is about to take, or has. */
interface Taking {
  readonly ref: LeaseRef;
  /** What it was before this process took it; undefined where there was none. */
  before: Lease | undefined;
  /** As this process has it; undefined where it does not, as far as it knows. */
  lease: Lease | undefined;
  /** The answer was lost: it may be this process’s all the same. */
  unsure: boolean;
}

/** One lock as this process has it. */
interface Held extends Taking {
  lease: Lease;
}

/**
 * Takes the locks of a migration and renews them until `remove` or `leave`. One that this migration left is taken once
 * nobody is at work on it; another migration's only with `force`. None is taken before all have been looked at. Throws F370
 * with who has it, and then all are as they were.
 */
export async function takeLock(given: LockOptions): Promise<Lock> {
  const { options, unasked } = noting(given);
  const looked = await lookAtAll(options);
  const takings: Taking[] = [];
  try {
    for (const { ref, found } of looked) {
      const taking: Taking = { ref, before: found, lease: undefined, unsure: false };
      takings.push(taking);
      await ifReachable(ref.side, options, () => take(taking, options));
      // The cluster can be asked by now, perhaps: a lock that is this process’s without its knowledge would never go.
      if (taking.unsure && (await ifReachable(ref.side, options, () => isTaken(taking, options))))
        unasked.delete(ref.side);
    }
  } catch (error) {
    throw await afterGivingBack(takings, options, error);
  }
  return keep(
    takings.filter((taking): taking is Held => taking.lease !== undefined),
    options,
    [...unasked],
  );
}

/** The same options, which note where a cluster could not be asked. F314: there is nothing that could be. */
function noting(given: LockOptions): { readonly options: LockOptions; readonly unasked: Set<Side> } {
  const unasked = new Set<Side>();
  const { onUnreachable } = given;
  if (!onUnreachable) return { options: given, unasked };
  const note = (side: Side, error: unknown): void => {
    if (failureCode(error) !== 'F314') unasked.add(side);
    onUnreachable(side, error);
  };
  return { options: { ...given, onUnreachable: note }, unasked };
}

interface Looked {
  readonly ref: LeaseRef;
  readonly found: Lease | undefined;
}

/** The Leases of all clusters that can be asked. Throws F370 when one of them may not be taken. Read-only. */
async function lookAtAll(options: LockOptions): Promise<Looked[]> {
  const looked: Looked[] = [];
  for (const ref of leaseRefs(options.plan)) {
    const one = await ifReachable(ref.side, options, async () => ({ ref, found: await look(options, ref) }));
    if (one) looked.push(one);
  }
  for (const { ref, found } of looked) expectAllowed(ref, found, options);
  // All at once: whoever is at work on one has them all.
  const over = new AbortController();
  const watching = { ...options, signal: AbortSignal.any([options.signal, over.signal]) };
  const idle = ({ ref, found }: Looked) =>
    ifReachable(ref.side, options, async () => {
      await expectIdle(ref, found, watching);
      return { ref, found };
    });
  try {
    return (await Promise.all(looked.map(idle))).filter((one) => one !== undefined);
  } finally {
    over.abort();
  }
}

/** Takes one that was found to be free as `before` tells. */
async function take(taking: Taking, options: LockOptions): Promise<void> {
  const { plan, gateway, signal } = options;
  const { ref } = taking;
  for (let tries = 1; ; tries++) {
    const { before } = taking;
    const { migration = plan.id } = before ? holderOf(before) : {};
    // After the look: whoever left its lock meanwhile has told the record first how far it came.
    if (migration !== plan.id) await options.mayForce?.(migration);
    const wanted = wantedLease(taking, options);
    try {
      taking.lease = before
        ? await takeOver(before, wanted, ref, options)
        : await gateway.create(ref.side, RESOURCES.lease, wanted, { signal });
      return;
    } catch (error) {
      taking.unsure = !isRefusal(error);
      // Somebody else was faster; who that is, the next look tells.
      const code = failureCode(error);
      const faster = before ? code === 'F315' || code === 'F314' : code === 'F318';
      if (!faster || tries >= TRIES) throw error;
    }
    taking.before = await look(options, ref);
    expectAllowed(ref, taking.before, options);
    await expectIdle(ref, taking.before, options);
  }
}

/** The lock as this process’s; one that had lapsed says so for as long as the migration has it. */
function wantedLease({ ref, before }: Taking, { plan, process, worker, clock, takingUp }: LockOptions): Lease {
  const wanted = leaseFor(ref, { migration: plan.id, process, ...worker }, clock.now());
  const isOwn = before !== undefined && holderOf(before).migration === plan.id;
  if (isOwn || !takingUp) return wanted;
  const { annotations } = wanted.metadata;
  return { ...wanted, metadata: { ...wanted.metadata, annotations: { ...annotations, [LAPSED_ANNOTATION]: 'true' } } };
}

function look(
  { source, target, signal }: Omit<LookOptions, 'onUnreachable'>,
  ref: LeaseRef,
): Promise<Lease | undefined> {
  const reader = ref.side === 'source' ? source : target;
  return reader.get<Lease>(RESOURCES.lease, ref.name, { namespace: ref.namespace, signal });
}

/** Puts every lock back as it was found, and yields why: with those that could not be. */
async function afterGivingBack(takings: readonly Taking[], options: LockOptions, why: unknown): Promise<unknown> {
  const signal = new AbortController().signal;
  const back = await Promise.allSettled(takings.map((each) => giveBack(each, options, signal)));
  const kept = back.flatMap((end, index) => {
    const taking = takings[index];
    if (end.status === 'fulfilled' || !taking) return [];
    const lease = `lease ${taking.ref.name} of ${options[taking.ref.side].context}`;
    const stays = taking.lease ? `${lease} could not be given back` : `whether ${lease} was taken could not be seen`;
    return [`${stays}: ${asMigrateError(end.reason).detail}`];
  });
  if (kept.length === 0) return why;
  const { code, detail, remedy, outcome } = asMigrateError(why);
  return new MigrateError(code, { detail: [detail, ...kept].join('; '), remedy, outcome, cause: why });
}

/** Whether a lock whose taking was answered to nobody is this process’s. */
async function isTaken(taking: Taking, options: LockOptions): Promise<boolean> {
  const now = await look(options, taking.ref);
  if (!now || holderOf(now).process !== options.process) return false;
  taking.lease = now;
  return true;
}

/** Conditional: a lock that somebody else has taken meanwhile is theirs. */
async function giveBack(taking: Taking, options: LockOptions, signal: AbortSignal): Promise<void> {
  const { ref, before, unsure } = taking;
  if (unsure) await isTaken(taking, { ...options, signal });
  const { lease } = taking;
  if (!lease) return;
  if (!before) return removeLease(options, taking, signal);
  const { labels, annotations, resourceVersion } = lease.metadata;
  const metadata = {
    labels: changeBack(labels, before.metadata.labels),
    annotations: changeBack(annotations, before.metadata.annotations),
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
  const spec = changeBack(lease.spec, before.spec);
  await options.gateway.patch(ref, 'merge', { metadata, spec }, { signal }).catch((error: unknown) => {
    if (failureCode(error) !== 'F314' && failureCode(error) !== 'F315') throw error;
  });
}

/** As a merge patch: what is there now and was not before goes. */
function changeBack(now: object = {}, before: object = {}): { readonly [key: string]: Json } {
  return { ...Object.fromEntries(Object.keys(now).map((key) => [key, null])), ...before };
}

/** Conditional on what was looked at, so that of two that take it one does. */
function takeOver(found: Lease, wanted: Lease, ref: LeaseRef, { gateway, signal }: LockOptions): Promise<Lease> {
  const { labels } = wanted.metadata;
  const isOwn = holderOf(found).migration === holderOf(wanted).migration;
  // What another migration’s says of itself goes.
  const annotations = { ...(!isOwn && { [LAPSED_ANNOTATION]: null }), ...wanted.metadata.annotations };
  const { resourceVersion } = found.metadata;
  const metadata = {
    ...(labels && { labels }),
    annotations,
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
  const leaseTransitions = (found.spec?.leaseTransitions ?? 0) + 1;
  return gateway.patch<Lease>(ref, 'merge', { metadata, spec: { ...wanted.spec, leaseTransitions } }, { signal });
}

/** Throws F370 for a lock that may not be taken whether or not anybody is at work: another migration's, without force. */
function expectAllowed(ref: LeaseRef, found: Lease | undefined, options: LockOptions): void {
  if (!found || options.force) return;
  const holder = holderOf(found);
  if (holder.migration !== options.plan.id) throw refusal(holder, ref, options);
}

/** Throws F370 while another process is at work. */
async function expectIdle(ref: LeaseRef, found: Lease | undefined, options: LockOptions): Promise<void> {
  if (!found) return;
  const holder = holderOf(found);
  if (holder.process === undefined || holder.process === options.process) return;
  if (await isAtWork(holder, ref, options)) throw refusal(holder, ref, options);
}

function refusal(holder: LockHolder, ref: LeaseRef, options: LockOptions): MigrateError {
  return heldBy(holder, ref, options[ref.side].context, options.clock.now());
}

/**
 * Whether the holder renews its lock. Clocks of two machines may differ, so that a time in the Lease alone says little:
 * it is looked at for a while.
 */
async function isAtWork(holder: LockHolder, ref: LeaseRef, options: LockOptions): Promise<boolean> {
  const { clock, signal, onWait } = options;
  const started = clock.now();
  onWait?.(`looking whether ${holder.user} on ${holder.host} is still at work on migration ${holder.migration}`);
  for (;;) {
    const silentMs = clock.now() - started;
    const overdue = !(clock.now() - Date.parse(holder.renewed) < LOCK_MS);
    if (silentMs >= LOCK_MS || (overdue && silentMs >= WATCH_MS)) return false;
    await clock.sleep(LOOK_MS, signal);
    const found = await look(options, ref);
    const now = found && holderOf(found);
    if (!now?.process) return false;
    if (now.process !== holder.process || now.renewed !== holder.renewed) return true;
  }
}

/** The hold of this process on its locks. */
interface Hold {
  readonly lost: AbortController;
  /** It lets go of them: what becomes of them from then on is no loss. */
  over: boolean;
}

function keep(held: readonly Held[], options: LockOptions, unasked: readonly Side[]): Lock {
  const hold: Hold = { lost: new AbortController(), over: false };
  // One each: a cluster that does not answer must not keep the other's from being renewed.
  const stops = held.map((each) => keepRenewed(each, options, hold));
  const end = async () => {
    hold.over = true;
    await Promise.all(stops.map((stop) => stop()));
  };
  let mine = held;
  return {
    lost: hold.lost.signal,
    takenFrom: held.flatMap(({ before }) => (before ? [holderOf(before)] : [])),
    unasked,
    confirm: async (side) => {
      if (hold.over) return;
      const there = mine.filter(({ ref }) => ref.side === side);
      // Both places of one cluster may be one name, and a cluster that could not be asked has none.
      for (const each of there.length > 0 ? there : mine) await confirm(each, options, hold);
      hold.lost.signal.throwIfAborted();
    },
    remove: async (signal) => {
      await end();
      await Promise.all(mine.map((each) => removeLease(options, each, signal)));
      mine = [];
    },
    leave: async () => {
      await end();
      await Promise.allSettled(mine.map((each) => letGo(options, each)));
      mine = [];
    },
  };
}

/** Renews one lock again and again. Yields what ends that; it waits for the renewal under way. */
function keepRenewed(held: Held, options: LockOptions, hold: Hold): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let renewing: Promise<void> = Promise.resolve();
  const after = (ms: number) => {
    timer = setTimeout(() => {
      renewing = renew(held, options, hold).then((failure) => {
        if (timer) after(failure === undefined ? RENEW_MS : RENEW_AGAIN_MS);
      });
    }, ms);
    timer.unref();
  };
  after(RENEW_MS);
  return async () => {
    clearTimeout(timer);
    timer = undefined;
    await renewing;
  };
}

/**
 * Throws what a cluster answers that does not let it be renewed, F311 when it does not answer for a while. Returns at once when the
 * hold is over.
 */
async function confirm(held: Held, options: LockOptions, hold: Hold): Promise<void> {
  // Whoever looks at it for so long may take it. The time in it is this machine's.
  const isFresh = () => {
    const silentMs = options.clock.now() - Date.parse(holderOf(held.lease).renewed);
    return silentMs >= 0 && silentMs < WATCH_MS;
  };
  const until = options.clock.now() + CONFIRM_MS;
  for (let tries = 1; !isFresh() && !hold.over && !hold.lost.signal.aborted; tries++) {
    const failure = await renew(held, options, hold);
    if (hold.over) return;
    const code = failureCode(failure);
    if (code === 'F306' || code === 'F310' || code === 'F311') {
      if (options.clock.now() >= until) throw unanswered(held.ref, options);
      await options.clock.sleep(LOOK_MS);
    } else if (failure !== undefined) {
      // Changed, and this process’s still.
      const isOurs = code === 'F314' || code === 'F315';
      if (!isOurs || tries >= TRIES) throw failure;
    }
  }
}

function unanswered({ side, name }: LeaseRef, options: LockOptions): MigrateError {
  return new MigrateError('F311', {
    detail: `${options[side].context} did not answer within ${CONFIRM_MS / 1000} s whether lease ${name} is this process’s still`,
    remedy: 'look at the API server',
  });
}

/**
 * What kept it from being renewed, undefined when nothing did: a cluster that did not answer in time is to be asked again.
 * One where somebody else holds the lock ends the run.
 */
async function renew(held: Held, options: LockOptions, hold: Hold): Promise<unknown> {
  const { gateway, clock, process, plan } = options;
  const spec = { renewTime: microTime(clock.now()) };
  const { resourceVersion } = held.lease.metadata;
  const metadata = resourceVersion === undefined ? {} : { resourceVersion };
  try {
    held.lease = await answered((signal) => gateway.patch<Lease>(held.ref, 'merge', { metadata, spec }, { signal }));
    return undefined;
  } catch (error) {
    const code = failureCode(error);
    if (code !== 'F314' && code !== 'F315') return error;
    const now = await answered((signal) => look({ ...options, signal }, held.ref)).catch(() => held.lease);
    // A renewal whose answer was lost has changed it all the same.
    if (now && holderOf(now).process === process) held.lease = now;
    else if (!hold.over) hold.lost.abort(taken(held.ref, now && holderOf(now), plan.id));
    return error;
  }
}

/** A call that is given up when no answer has come in time. */
async function answered<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), ANSWER_MS);
  try {
    return await call(late.signal);
  } finally {
    clearTimeout(timer);
  }
}

function taken({ name }: LeaseRef, by: LockHolder | undefined, id: string): MigrateError {
  const who = by ? `${by.user} on ${by.host}, for migration ${by.migration} (${by.operation})` : 'somebody removed it';
  return new MigrateError('F371', {
    detail: `lease ${name}: ${who}`,
    remedy: `look at what the other does, then at ${COMMAND} status ${id}`,
    takenOver: true,
  });
}

/** Conditional: a lock that somebody else has taken meanwhile goes on naming them. */
async function letGo({ gateway }: LockOptions, { ref, lease }: Held): Promise<void> {
  const { resourceVersion } = lease.metadata;
  const metadata = resourceVersion === undefined ? {} : { resourceVersion };
  await gateway.patch(ref, 'merge', { metadata, spec: { holderIdentity: null } });
}

/** Only as long as it is this process's: what another has taken stays. */
function removeLease(options: LockOptions, { ref }: Taking, signal: AbortSignal): Promise<void> {
  return drop({ ...options, signal }, ref, ({ process }) => process === options.process);
}

type DropOptions = Pick<LockOptions, 'plan' | 'source' | 'target' | 'gateway' | 'signal'>;

/** Removes a Lease of such a holder, on condition that it is as it was looked at. */
async function drop(options: DropOptions, ref: LeaseRef, isOurs: (holder: LockHolder) => boolean): Promise<void> {
  const { gateway, signal } = options;
  for (let tries = 1; ; tries++) {
    const now = await look(options, ref);
    if (!now || !isOurs(holderOf(now))) return;
    const { uid, resourceVersion } = now.metadata;
    const asSeen = { ...(uid !== undefined && { uid }), ...(resourceVersion !== undefined && { resourceVersion }) };
    try {
      return await gateway.delete(ref, { signal, ...asSeen });
    } catch (error) {
      // Renewed, or taken by another: the next look tells.
      if (failureCode(error) !== 'F315' || tries >= TRIES) throw error;
    }
  }
}

/** Other migrations that have the places of this one, by id. Read-only. */
export async function othersWithLocks(options: LookOptions): Promise<string[]> {
  const ids = new Set<string>();
  for (const ref of leaseRefs(options.plan)) {
    const found = await ifReachable(ref.side, options, () => look(options, ref));
    if (found) ids.add(holderOf(found).migration);
  }
  ids.delete(options.plan.id);
  return [...ids];
}

/** Removes the Leases that name a migration which has ended; what names another one stays. Idempotent. */
export async function dropLocks(options: DropOptions & ReachOptions): Promise<void> {
  const { plan } = options;
  for (const ref of leaseRefs(plan))
    await ifReachable(ref.side, options, () => drop(options, ref, ({ migration }) => migration === plan.id));
}

/** Throws F370 when a migration holds one of the places of a plan that is still to be made. Read-only. */
export async function expectUnlocked(options: {
  readonly plan: LockPlaces;
  readonly source: ClusterReader;
  readonly target: ClusterReader;
  readonly now: number;
  readonly signal?: AbortSignal;
}): Promise<void> {
  const { plan, now, signal } = options;
  await Promise.all(
    leaseRefs(plan).map(async (ref) => {
      const reader = options[ref.side];
      const place = { namespace: ref.namespace, ...(signal && { signal }) };
      const found = await reader.get<Lease>(RESOURCES.lease, ref.name, place).catch((error: unknown) => {
        // Whoever may not read Leases is told so with everything else that is missing.
        if (isMigrateError(error) && error.code === 'F313') return undefined;
        throw error;
      });
      if (found) throw heldBy(holderOf(found), ref, reader.context, now);
    }),
  );
}

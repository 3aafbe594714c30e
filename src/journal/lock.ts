import type { Clock } from '../domain/clock.ts';
import { failureCode, isMigrateError, MigrateError } from '../domain/errors.ts';
import { COMMAND, LOCK_MS } from '../domain/names.ts';
import type { Plan } from '../domain/plan.ts';
import type { Side } from '../domain/refs.ts';
import type { Lease } from '../kube/objects.ts';
import type { ClusterReader, Gateway } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import {
  heldBy,
  holderOf,
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
/** Whoever is silent for so long while looked at, and long overdue by the clock, is gone. Longer than a renewal takes. */
const WATCH_MS = 5000;
const LOOK_MS = 1000;
/** How often somebody else may be faster. */
const TRIES = 5;

export interface LockOptions {
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
  readonly signal: AbortSignal;
  readonly onWait?: (why: string) => void;
  /** Told of a cluster that cannot be asked; without it such a cluster is a failure. */
  readonly onUnreachable?: (side: Side, error: unknown) => void;
}

/** The locks of one migration, held and renewed by this process. */
export interface Lock {
  /** Aborted with F371 when somebody else has taken one of them. */
  readonly lost: AbortSignal;
  /** Who held them before, where that was somebody else. */
  readonly takenFrom: readonly LockHolder[];
  /** The migration has ended: the Leases go. Idempotent. Throws what a cluster answers. */
  remove(signal: AbortSignal): Promise<void>;
  /** This process ends and the migration goes on: the Leases stay, and name nobody. Idempotent, never throws. */
  leave(): Promise<void>;
}

/** One lock as this process has it. */
interface Held {
  readonly ref: LeaseRef;
  lease: Lease;
}

/**
 * Takes the locks of a migration and renews them until `remove` or `leave`. One that this migration left is taken once
 * nobody is at work on it; another migration's only with `force`. Throws F370 with who has it, and then holds none.
 */
export async function takeLock(options: LockOptions): Promise<Lock> {
  const held: Held[] = [];
  const takenFrom: LockHolder[] = [];
  try {
    for (const ref of leaseRefs(options.plan)) {
      const taken = await takeReachable(ref, options);
      if (!taken) continue;
      held.push({ ref, lease: taken.lease });
      if (taken.from) takenFrom.push(taken.from);
    }
  } catch (error) {
    // Of a migration that has not begun; one that goes on keeps what it has.
    const made = takenFrom.length === 0 ? held : [];
    await Promise.allSettled(made.map((each) => removeLease(options, each, new AbortController().signal)));
    throw error;
  }
  return keep(held, takenFrom, options);
}

interface Taken {
  readonly lease: Lease;
  readonly from?: LockHolder;
}

async function takeReachable(ref: LeaseRef, options: LockOptions): Promise<Taken | undefined> {
  try {
    return await takeOne(ref, options);
  } catch (error) {
    const code = failureCode(error);
    // F314: its namespace is gone, and with it everything that was ever there.
    if (!options.onUnreachable || (code !== 'F310' && code !== 'F311' && code !== 'F314')) throw error;
    options.onUnreachable(ref.side, error);
    return undefined;
  }
}

async function takeOne(ref: LeaseRef, options: LockOptions): Promise<Taken> {
  const { plan, gateway, clock, worker, process, signal } = options;
  for (let tries = 1; ; tries++) {
    const wanted = leaseFor(ref, { migration: plan.id, process, ...worker }, clock.now());
    const found = await look(options, ref);
    try {
      if (!found) return { lease: await gateway.create(ref.side, RESOURCES.lease, wanted, { signal }) };
      const from = await allowed(found, ref, options);
      return { lease: await takeOver(found, wanted, ref, options), from };
    } catch (error) {
      // Somebody else was faster; who that is, the next look tells.
      const code = failureCode(error);
      const faster = found ? code === 'F315' || code === 'F314' : code === 'F318';
      if (!faster || tries >= TRIES) throw error;
    }
  }
}

function look({ source, target, signal }: LockOptions, ref: LeaseRef): Promise<Lease | undefined> {
  const reader = ref.side === 'source' ? source : target;
  return reader.get<Lease>(RESOURCES.lease, ref.name, { namespace: ref.namespace, signal });
}

/** Conditional on what was looked at, so that of two that take it one does. */
function takeOver(found: Lease, wanted: Lease, ref: LeaseRef, { gateway, signal }: LockOptions): Promise<Lease> {
  const { labels, annotations } = wanted.metadata;
  const { resourceVersion } = found.metadata;
  const metadata = { labels, annotations, ...(resourceVersion !== undefined && { resourceVersion }) };
  const leaseTransitions = (found.spec?.leaseTransitions ?? 0) + 1;
  return gateway.patch<Lease>(ref, 'merge', { metadata, spec: { ...wanted.spec, leaseTransitions } }, { signal });
}

/** Yields whose lock it was; throws F370 when it may not be taken. */
async function allowed(found: Lease, ref: LeaseRef, options: LockOptions): Promise<LockHolder> {
  const holder = holderOf(found);
  const { plan, force, clock, source, target } = options;
  const refuse = () => heldBy(holder, ref, (ref.side === 'source' ? source : target).context, clock.now());
  if (holder.migration !== plan.id && !force) throw refuse();
  if (holder.process !== undefined && holder.process !== options.process && (await isAtWork(holder, ref, options)))
    throw refuse();
  return holder;
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

function keep(held: readonly Held[], takenFrom: readonly LockHolder[], options: LockOptions): Lock {
  const lost = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let renewing: Promise<unknown> = Promise.resolve();
  const next = () => {
    timer = setTimeout(() => {
      renewing = Promise.all(held.map((each) => renew(each, options, lost))).then(() => timer && next());
    }, RENEW_MS);
    timer.unref();
  };
  const stop = async () => {
    clearTimeout(timer);
    timer = undefined;
    await renewing;
  };
  next();
  let mine = held;
  return {
    lost: lost.signal,
    takenFrom,
    remove: async (signal) => {
      await stop();
      await Promise.all(mine.map((each) => removeLease(options, each, signal)));
      mine = [];
    },
    leave: async () => {
      await stop();
      await Promise.allSettled(mine.map((each) => letGo(options, each)));
      mine = [];
    },
  };
}

/** A cluster that does not answer is asked again next time; one where somebody else holds the lock ends the run. */
async function renew(held: Held, options: LockOptions, lost: AbortController): Promise<void> {
  const { gateway, clock, process } = options;
  const spec = { renewTime: microTime(clock.now()) };
  const { resourceVersion } = held.lease.metadata;
  try {
    const metadata = resourceVersion === undefined ? {} : { resourceVersion };
    held.lease = await gateway.patch<Lease>(held.ref, 'merge', { metadata, spec });
  } catch (error) {
    const code = failureCode(error);
    if (code !== 'F314' && code !== 'F315') return;
    const now = await look({ ...options, signal: new AbortController().signal }, held.ref).catch(() => held.lease);
    if (now && holderOf(now).process === process) held.lease = now;
    else lost.abort(taken(held.ref, now && holderOf(now), options.plan.id));
  }
}

function taken({ name }: LeaseRef, by: LockHolder | undefined, id: string): MigrateError {
  const who = by ? `${by.user} on ${by.host}, for migration ${by.migration} (${by.operation})` : 'somebody removed it';
  return new MigrateError('F371', {
    detail: `lease ${name}: ${who}`,
    remedy: `look at what the other does, then at ${COMMAND} status ${id}`,
  });
}

/** Conditional: a lock that somebody else has taken meanwhile goes on naming them. */
async function letGo({ gateway }: LockOptions, { ref, lease }: Held): Promise<void> {
  const { resourceVersion } = lease.metadata;
  const metadata = resourceVersion === undefined ? {} : { resourceVersion };
  await gateway.patch(ref, 'merge', { metadata, spec: { holderIdentity: null } });
}

/** Only as long as it is this process's: what another has taken stays. */
async function removeLease(options: LockOptions, held: Held, signal: AbortSignal): Promise<void> {
  const now = await look({ ...options, signal }, held.ref);
  if (!now || holderOf(now).process !== options.process) return;
  const { uid } = now.metadata;
  await options.gateway.delete(held.ref, { signal, ...(uid !== undefined && { uid }) });
}

/** Removes the Leases that name a migration which has ended; what names another one stays. Idempotent. */
export async function dropLocks(
  options: Pick<LockOptions, 'plan' | 'source' | 'target' | 'gateway' | 'signal'>,
): Promise<void> {
  const { plan, gateway, signal } = options;
  for (const ref of leaseRefs(plan)) {
    const { namespace, name, side } = ref;
    const found = await options[side].get<Lease>(RESOURCES.lease, name, { namespace, signal });
    const uid = found?.metadata.uid;
    if (found && uid !== undefined && holderOf(found).migration === plan.id) await gateway.delete(ref, { signal, uid });
  }
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

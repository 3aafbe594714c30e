import { failureCode, MigrateError } from '../domain/errors.ts';
import { COMMAND } from '../domain/names.ts';
import type { Side } from '../domain/refs.ts';
import type { Lease } from '../kube/objects.ts';
import { holderOf, type LeaseRef, type LockHolder, microTime } from './lease.ts';
import { look, removeLease, TRIES } from './lease-access.ts';
import type { LockOptions } from './lock-options.ts';
import { type Held, LOOK_MS, WATCH_MS } from './lock-taking.ts';

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

/** The hold of this process on its locks. */
interface Hold {
  readonly lost: AbortController;
  /** It lets go of them: what becomes of them from then on is no loss. */
  over: boolean;
}

export function keep(held: readonly Held[], options: LockOptions, unasked: readonly Side[]): Lock {
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

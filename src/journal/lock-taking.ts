import { asMigrateError, failureCode, MigrateError } from '../domain/errors.ts';
import type { Json } from '../domain/json.ts';
import { LOCK_MS } from '../domain/names.ts';
import { isRefusal } from '../kube/errors.ts';
import type { Lease } from '../kube/objects.ts';
import { RESOURCES } from '../kube/resources.ts';
import { ifReachable } from './if-reachable.ts';
import { heldBy, holderOf, LAPSED_ANNOTATION, type LeaseRef, type LockHolder, leaseFor, leaseRefs } from './lease.ts';
import { look, removeLease, TRIES } from './lease-access.ts';
import type { LockOptions } from './lock-options.ts';

/** Whoever is silent for so long while looked at, and long overdue by the clock, is gone. Longer than a renewal takes. */
export const WATCH_MS = 5000;
export const LOOK_MS = 1000;

/** One lock that this process is about to take, or has. */
export interface Taking {
  readonly ref: LeaseRef;
  /** What it was before this process took it; undefined where there was none. */
  before: Lease | undefined;
  /** As this process has it; undefined where it does not, as far as it knows. */
  lease: Lease | undefined;
  /** The answer was lost: it may be this process’s all the same. */
  unsure: boolean;
}

/** One lock as this process has it. */
export interface Held extends Taking {
  lease: Lease;
}

interface Looked {
  readonly ref: LeaseRef;
  readonly found: Lease | undefined;
}

/** The Leases of all clusters that can be asked. Throws F370 when one of them may not be taken. Read-only. */
export async function lookAtAll(options: LockOptions): Promise<Looked[]> {
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
export async function take(taking: Taking, options: LockOptions): Promise<void> {
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

/** Puts every lock back as it was found, and yields why: with those that could not be. */
export async function afterGivingBack(
  takings: readonly Taking[],
  options: LockOptions,
  why: unknown,
): Promise<unknown> {
  const signal = new AbortController().signal;
  await options.gateway.landed();
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
export async function isTaken(taking: Taking, options: LockOptions): Promise<boolean> {
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

import { failureCode, isMigrateError } from '../domain/errors.ts';
import type { Lease } from '../kube/objects.ts';
import type { ClusterReader } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { ifReachable, type ReachOptions } from './if-reachable.ts';
import { heldBy, holderOf, type LeaseRef, type LockHolder, type LockPlaces, leaseRefs } from './lease.ts';
import type { LockOptions } from './lock-options.ts';

/** How often somebody else may be faster. */
export const TRIES = 5;

type LookOptions = Pick<LockOptions, 'plan' | 'source' | 'target' | 'signal' | 'onUnreachable'>;

/** The Lease of that place, if there is one. Read-only. */
export function look(
  { source, target, signal }: Omit<LookOptions, 'onUnreachable'>,
  ref: LeaseRef,
): Promise<Lease | undefined> {
  const reader = ref.side === 'source' ? source : target;
  return reader.get<Lease>(RESOURCES.lease, ref.name, { namespace: ref.namespace, signal });
}

/** Only as long as it is this process's: what another has taken stays. */
export function removeLease(
  options: LockOptions,
  { ref }: { readonly ref: LeaseRef },
  signal: AbortSignal,
): Promise<void> {
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

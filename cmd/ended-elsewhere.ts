import type { Link } from '../src/audit/chain.ts';
import { createAuditChain } from '../src/audit/config-map-chain.ts';
import { endIn } from '../src/audit/ended.ts';
import type { AuditEntry } from '../src/audit/entry.ts';
import type { Plan } from '../src/domain/plan.ts';
import type { ClusterReader } from '../src/kube/ports.ts';

/**
 * The audit entry by which a migration has ended whose record is gone from the clusters; undefined when none of those that
 * can be asked has one. A record that somebody removed by hand is no end.
 */
export async function endedElsewhere(
  { id, request }: Plan,
  readers: readonly ClusterReader[],
  signal: AbortSignal,
): Promise<AuditEntry | undefined> {
  const chains = await Promise.all(readers.map((reader) => linksOf(reader, signal)));
  return endIn(chains.flat(), id, request.hold !== undefined);
}

/** What is told of such an end. Pure. */
export function endOf({ action, source, target, host, at }: AuditEntry) {
  return { action, user: source.user || target.user, host, at };
}

async function linksOf(reader: ClusterReader, signal: AbortSignal): Promise<readonly Link[]> {
  try {
    return (await createAuditChain({ reader }).read({ signal })).links;
  } catch {
    // Whoever cannot be asked proves nothing.
    return [];
  }
}

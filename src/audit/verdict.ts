import { breaksIn, type Link, missingIn } from './chain.ts';
import type { KeptChain } from './config-map-chain.ts';

/** A chain as it was read, with the API server that it was read from. */
export interface ReadChain extends KeptChain {
  readonly place: string;
  readonly server: string;
}

/** One thing that is wrong with the audit record of a cluster. */
export interface AuditFault {
  readonly place: string;
  readonly what: string;
}

/**
 * Everything by which the chains show that somebody changed them: entries removed, changed or moved, values that are no
 * entries, and entries of one cluster about both that the other lacks. Pure.
 */
export function faultsIn(chains: readonly ReadChain[]): AuditFault[] {
  return chains.flatMap((chain) => {
    const others = chains.filter((other) => other !== chain).flatMap(({ links }): readonly Link[] => links);
    return [
      ...chain.unreadable.map((where) => ({ place: chain.place, what: `${where} is no entry` })),
      ...breaksIn(chain.links).map(({ what }) => ({ place: chain.place, what })),
      ...missingIn(chain.links, others, chain.server).map(({ action, event, migration, at }) => ({
        place: chain.place,
        what: `'${action} ${migration} ${event}' of ${at} is in the other cluster only`,
      })),
    ];
  });
}

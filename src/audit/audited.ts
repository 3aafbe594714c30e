import { failureCode, isMigrateError } from '../domain/errors.ts';
import type { Head } from './chain.ts';
import type { AuditChain } from './config-map-chain.ts';
import type { AuditEntry } from './entry.ts';

/** What is told of an act, whichever way it goes. */
export type AuditSubject = Omit<AuditEntry, 'id' | 'at' | 'event' | 'outcome' | 'code' | 'archiveDigest'>;

export interface AuditedOptions {
  /** The chains of the clusters that the act concerns. */
  readonly chains: readonly Pick<AuditChain, 'place' | 'append'>[];
  readonly subject: AuditSubject;
  /** RFC 3339. */
  readonly now: () => string;
  readonly newUuid: () => string;
  /** What the act has taken, asked for when it has ended; undefined for nothing. */
  readonly archiveDigest?: () => string | undefined;
  /** Notes elsewhere where each chain ends with the first entry. Without that there is no act either: its failure is the act's. */
  readonly anchor: (heads: readonly Head[]) => Promise<void>;
  /** The act has succeeded: notes where the chains end that tell of it, each by its place among `chains`. */
  readonly anchorEnd: (heads: readonly (Head | undefined)[]) => Promise<void>;
  /** The act is over and a chain does not know how it ended. */
  readonly onUntold: (place: string, error: unknown) => void;
}

/**
 * Runs an act between two entries in every chain: that it began, and how it ended. Without the first there is no act:
 * throws F351. The second follows whatever becomes of the act, and changes nothing about it. Where each chain ended is
 * noted outside of it, so that entries that all chains have lost are missed.
 */
export async function audited<T>(options: AuditedOptions, act: () => Promise<T>): Promise<T> {
  const { chains, subject, now, newUuid, onUntold } = options;
  const begun: AuditEntry = { ...subject, id: newUuid(), at: now(), event: 'begun' };
  const told = await Promise.allSettled(chains.map((chain) => chain.append(begun)));
  const tell = async (ending: Pick<AuditEntry, 'outcome' | 'code'>): Promise<(Head | undefined)[]> => {
    const archiveDigest = options.archiveDigest?.();
    const taken = archiveDigest === undefined ? {} : { archiveDigest };
    const ended: AuditEntry = { ...subject, ...taken, ...ending, id: newUuid(), at: now(), event: 'ended' };
    return Promise.all(
      chains.map(async (chain, index) => {
        // A chain that could not be told that it began has nothing to be told of.
        if (told[index]?.status === 'rejected') return undefined;
        return chain.append(ended).catch((error: unknown) => {
          onUntold(chain.place, error);
          return undefined;
        });
      }),
    );
  };
  let result: T;
  try {
    await options.anchor(headsOf(told));
    result = await act();
  } catch (error) {
    const code = failureCode(error);
    await tell({ outcome: isMigrateError(error) ? error.outcome : 'failed', ...(code !== undefined && { code }) });
    throw error;
  }
  await options.anchorEnd(await tell({ outcome: 'done' }));
  return result;
}

function headsOf(told: readonly PromiseSettledResult<Head>[]): Head[] {
  return told.map((each) => {
    if (each.status === 'rejected') throw each.reason;
    return each.value;
  });
}

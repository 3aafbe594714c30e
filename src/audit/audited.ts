import { failureCode, isMigrateError } from '../domain/errors.ts';
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
  /** The act is over and a chain does not know how it ended. */
  readonly onUntold: (place: string, error: unknown) => void;
}

/**
 * Runs an act between two entries in every chain: that it began, and how it ended. Without the first there is no act:
 * throws F351. The second follows whatever becomes of the act, and changes nothing about it.
 */
export async function audited<T>(options: AuditedOptions, act: () => Promise<T>): Promise<T> {
  const { chains, subject, now, newUuid, onUntold } = options;
  const begun: AuditEntry = { ...subject, id: newUuid(), at: now(), event: 'begun' };
  await Promise.all(chains.map((chain) => chain.append(begun)));
  const tell = async (ending: Pick<AuditEntry, 'outcome' | 'code'>): Promise<void> => {
    const archiveDigest = options.archiveDigest?.();
    const taken = archiveDigest === undefined ? {} : { archiveDigest };
    const ended: AuditEntry = { ...subject, ...taken, ...ending, id: newUuid(), at: now(), event: 'ended' };
    await Promise.all(
      chains.map((chain) => chain.append(ended).catch((error: unknown) => onUntold(chain.place, error))),
    );
  };
  try {
    const result = await act();
    await tell({ outcome: 'done' });
    return result;
  } catch (error) {
    const code = failureCode(error);
    await tell({ outcome: isMigrateError(error) ? error.outcome : 'failed', ...(code !== undefined && { code }) });
    throw error;
  }
}

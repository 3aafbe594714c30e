import type { Link } from './chain.ts';
import type { AuditEntry } from './entry.ts';

/**
 * The entry of a chain by which a migration has ended for good; undefined when none says so. `withHold`: its source is
 * held after the commit, so that an act which went well may have ended with the hold alone. Pure.
 */
export function endIn(links: readonly Link[], id: string, withHold: boolean): AuditEntry | undefined {
  return links.map(({ entry }) => entry).find((entry) => entry.migration === id && isEnd(entry, withHold));
}

function isEnd({ action, event, outcome, code }: AuditEntry, withHold: boolean): boolean {
  if (event !== 'ended') return false;
  // The pod could only be restored where it was: an end, and not the one that was wanted.
  if (code === 'F348') return true;
  switch (action) {
    case 'rollback':
    case 'finalize':
    case 'abandon':
      return outcome === 'done';
    case 'resume':
      return outcome === 'done' && !withHold;
    case 'migrate':
      // A move that failed or was interrupted says so only after a complete way back.
      return outcome === 'failed' || outcome === 'interrupted' || (outcome === 'done' && !withHold);
    case 'check':
    case 'force-unlock':
      return false;
  }
}

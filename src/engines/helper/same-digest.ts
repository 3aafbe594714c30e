import { MigrateError } from '../../domain/errors.ts';
import type { Transfer } from '../../helper/protocol.ts';

/** Throws F342 when the two ends of a transfer did not count and hash the same bytes. */
export function sameDigest(what: string, sent: Transfer, received: Transfer): void {
  if (sent.bytes === received.bytes && sent.sha256 === received.sha256) return;
  throw new MigrateError('F342', {
    detail: `${what}: sent ${sent.bytes} bytes (sha256 ${sent.sha256}), received ${received.bytes} (${received.sha256})`,
    remedy: 'try again; should it happen twice, look for what alters traffic between this machine and the API servers',
  });
}

import { ApiFailure } from './api-client.ts';
import type { ConnectionOptions, Credentials } from './credentials.ts';
import { CREDENTIALS_LATE } from './failures.ts';

/**
 * The options for one request, which waits for them no longer than it may take itself. Only the first time it does: then
 * somebody may have to log in, perhaps in a browser, and nothing is under way that could not wait for that. Whoever is asked
 * for them goes on in any case, for later requests. Throws F312, the signal's reason, or an ApiFailure when it took too long.
 */
export async function optionsWithin(
  credentials: Credentials,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<ConnectionOptions> {
  signal?.throwIfAborted();
  const over = new AbortController();
  const ended = new Promise<never>((_resolve, reject) => {
    const onAbort = () => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { signal: over.signal });
    if (!credentials.known) return;
    const message = `${credentials.from} did not answer within ${timeoutMs} ms`;
    const late = setTimeout(
      () => reject(new ApiFailure({ kind: 'transport', code: CREDENTIALS_LATE, message, sent: false })),
      timeoutMs,
    );
    over.signal.addEventListener('abort', () => clearTimeout(late));
  });
  try {
    return await Promise.race([ended, credentials.options()]);
  } finally {
    over.abort();
  }
}

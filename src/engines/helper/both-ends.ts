import { failureCode, MigrateError } from '../../domain/errors.ts';
import type { Transfer } from '../../helper/protocol.ts';

/** What both ends say of a transfer. */
interface Counted {
  readonly transfer: Transfer;
}

/** How long the other end of a transfer that broke may take to say why, in ms. */
const OTHER_STORY_MS = 3000;

/**
 * Waits for both ends of a transfer and compares what they counted; yields what was sent. Throws the failure of the end
 * that knows why, and F342 where neither does or they did not see the same bytes.
 */
export async function bothEnds<S extends Counted>(what: string, sent: Promise<S>, received: Promise<Counted>) {
  const ends = [sent, received] as const;
  try {
    const [here, there] = await Promise.all(ends);
    sameDigest(what, here.transfer, there.transfer);
    return here;
  } catch (first) {
    // An end that only noticed what became of the other may be the first to say so.
    throw await wholeStory(ends, first);
  }
}

/** That a container is gone explains all the rest, that a stream broke explains nothing. */
async function wholeStory(ends: readonly Promise<unknown>[], first: unknown): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<unknown[]>((resolve) => {
    timer = setTimeout(() => resolve([first]), OTHER_STORY_MS);
  });
  const told = Promise.allSettled(ends).then((ended) =>
    ended.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : [])),
  );
  const reasons = [first, ...(await Promise.race([told, late]))];
  clearTimeout(timer);
  const gone = reasons.find((reason) => failureCode(reason) === 'F344');
  return gone ?? reasons.find((reason) => failureCode(reason) !== 'F342') ?? first;
}

/** Throws F342 when the two ends of a transfer did not count and hash the same bytes. */
export function sameDigest(what: string, sent: Transfer, received: Transfer): void {
  if (sent.bytes === received.bytes && sent.sha256 === received.sha256) return;
  throw new MigrateError('F342', {
    detail: `${what}: sent ${sent.bytes} bytes (sha256 ${sent.sha256}), received ${received.bytes} (${received.sha256})`,
    remedy: 'try again; should it happen twice, look for what alters traffic between this machine and the API servers',
  });
}

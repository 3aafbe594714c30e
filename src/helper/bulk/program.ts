import { connect } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** Where bulk programs find the helper's main process. */
export const BULK_SOCKET = '/run/kubectl-migrate/bulk.sock';

/**
 * The exec'ed program of a bulk stream: joins stdout (`send`) or stdin (`receive`) with the main process. It looks at no
 * byte. Returns its exit status.
 */
export async function runBulk(direction: 'send' | 'receive', channel: string): Promise<number> {
  const socket = connect(BULK_SOCKET);
  socket.write(`${JSON.stringify({ channel })}\n`);
  if (direction === 'send') {
    await pipeline(socket, process.stdout, { end: false });
    return 0;
  }
  socket.resume();
  const ended = new Promise<void>((resolve, reject) => socket.once('end', resolve).once('error', reject));
  process.stdin.pipe(socket, { end: true });
  await ended;
  process.stdin.unref?.();
  return 0;
}

import { connect } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** Where attached streams find the helper's main process. */
export const CONTROL_SOCKET = '/run/kubectl-migrate/control.sock';

/** The exec'ed program of a control stream: joins stdin and stdout with the main process. Returns its exit status. */
export async function runAttach(): Promise<number> {
  const socket = connect(CONTROL_SOCKET);
  const input = pipeline(process.stdin, socket);
  await pipeline(socket, process.stdout, { end: false });
  input.catch(() => {});
  return 0;
}

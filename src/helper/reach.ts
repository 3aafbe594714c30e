import { connect } from 'node:net';
import { z } from 'zod';
import { execute } from './command.ts';
import type { HelperArgs, HelperResult } from './protocol.ts';

/** Discard's port: closed nearly everywhere, and harmless where it is not. */
const CLOSED_PORT = 9;
const answerSchema = z.strictObject({ reachable: z.boolean(), detail: z.string() });

/** Tries a TCP connection from the network namespace that this process runs in. Never rejects. */
export function tryAddress(address: string, timeoutMs: number): Promise<HelperResult<'reach'>> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: CLOSED_PORT });
    const answer = (reachable: boolean, detail: string) => {
      socket.destroy();
      resolve({ reachable, detail });
    };
    socket.setTimeout(timeoutMs, () => answer(false, `no answer within ${timeoutMs} ms`));
    socket.once('connect', () => answer(true, 'connected'));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const refused = error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET';
      answer(refused, refused ? 'refused, so it is there' : (error.code ?? error.message));
    });
  });
}

/**
 * Tries the address from the node's own network namespace. Node.js cannot change its namespace, so the helper's program
 * is started there once more.
 */
export async function reach({ address, timeoutMs }: HelperArgs<'reach'>): Promise<HelperResult<'reach'>> {
  const self = process.argv[1] ?? '/helper.cjs';
  const args = ['--net=/proc/1/ns/net', '--', process.execPath, self, 'reach', address, String(timeoutMs)];
  const { status, stdout, stderr } = await execute('/usr/bin/nsenter', args);
  if (status === 0) return answerSchema.parse(JSON.parse(stdout));
  return { reachable: false, detail: `could not be tried: ${stderr.slice(0, 200)}` };
}

import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import path from 'node:path';
import { z } from 'zod';
import { Channels } from './bulk/channels.ts';
import { endWhenForgotten } from './deadline.ts';
import { type Dispatch, makeDispatch } from './dispatch.ts';
import type { HelperEvent } from './envelope.ts';
import { splitLines } from './lines.ts';
import { makeOperations } from './operations.ts';
import { BULK_SOCKET, CONTROL_SOCKET } from './pod-spec.ts';
import { channelSchema } from './protocol.ts';
import { firstDeadline } from './record.ts';
import { uptimeMs } from './uptime.ts';

/** What the main process was started with. */
export type ServeOptions = { deadlineMs: number };

/**
 * The helper pod's main process. Listens for attached control streams and bulk streams until its deadline or SIGTERM,
 * then lets a frozen source go on unless that was sealed. The deadline is for helpers that were forgotten: one that keeps
 * what nobody else could let go on stays beyond it. Resolves with the exit status.
 */
export async function serve({ deadlineMs }: ServeOptions): Promise<number> {
  const attached = new Set<Socket>();
  const announce = (event: HelperEvent) => {
    for (const socket of attached) socket.write(`${JSON.stringify(event)}\n`);
  };
  const channels = new Channels();
  // A helper that was restarted does not get more time by it.
  const endsAt = firstDeadline(uptimeMs() + deadlineMs);
  const operations = makeOperations({ channels, announce, deadlineInMs: () => Math.max(0, endsAt - uptimeMs()) });
  await operations.recover();
  const dispatch = makeDispatch(operations.handlers);

  mkdirSync(path.dirname(CONTROL_SOCKET), { recursive: true, mode: 0o700 });
  await listen(CONTROL_SOCKET, (socket) => {
    attached.add(socket);
    socket.on('error', () => {}).once('close', () => attached.delete(socket));
    void readRequests(socket, dispatch);
  });
  await listen(BULK_SOCKET, (socket) => void introduce(socket, channels));

  await new Promise<void>((resolve) => {
    endWhenForgotten(endsAt, operations.isKeeping, resolve);
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
  await operations.end();
  return 0;
}

function listen(file: string, connected: (socket: Socket) => void): Promise<void> {
  rmSync(file, { force: true });
  const server = createServer(connected);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(file, () => {
      chmodSync(file, 0o600);
      resolve();
    });
  });
}

async function readRequests(socket: Socket, dispatch: Dispatch): Promise<void> {
  try {
    for await (const line of splitLines(socket)) {
      void dispatch(line).then((reply) => {
        if (!socket.destroyed) socket.write(`${JSON.stringify(reply)}\n`);
      });
    }
  } catch {
    socket.destroy();
  }
}

const introductionSchema = z.strictObject({ channel: channelSchema });

/** A bulk stream says first which stream it is; everything after that line belongs to the transfers. */
async function introduce(socket: Socket, channels: Channels): Promise<void> {
  socket.on('error', () => {});
  let head = Buffer.alloc(0);
  const onReadable = () => {
    for (let chunk: Buffer | null = socket.read(); chunk; chunk = socket.read()) head = Buffer.concat([head, chunk]);
    const end = head.indexOf(10);
    if (end < 0) {
      if (head.byteLength > 1000) socket.destroy();
      return;
    }
    socket.off('readable', onReadable);
    const parsed = introductionSchema.safeParse(parseJson(head.subarray(0, end).toString()));
    if (!parsed.success) {
      socket.destroy();
      return;
    }
    if (head.byteLength > end + 1) socket.unshift(head.subarray(end + 1));
    channels.add(parsed.data.channel, socket);
  };
  socket.on('readable', onReadable);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

import { Readable, Writable } from 'node:stream';
import type WebSocket from 'ws';
import { z } from 'zod';
import { MigrateError } from '../domain/errors.ts';
import type { ExecStream } from './ports.ts';

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const STATUS = 3;
const CLOSE = 255;

/** Bytes that may wait in the socket before stdin takes no more. */
const STDIN_BUFFER = 1024 * 1024;
/** Bytes of stdout that may wait for their reader before the socket is paused. */
const STDOUT_BUFFER = 1024 * 1024;
/** Longest frame sent: the server's WebSocket libraries refuse frames of 32 MiB, and small ones interleave with pings. */
const FRAME = 128 * 1024;
const STDERR_KEPT = 16 * 1024;

/** A ping is sent this often, in ms. */
const PING_MS = 10_000;
/** Silence after which the peer counts as dead, in ms. */
const SILENCE_MS = 35_000;
/** The same while our bytes wait in the socket and none leaves: such a peer does not read our pings either. */
const STALL_MS = 60_000;

const exitSchema = z.looseObject({
  status: z.string().optional(),
  message: z.string().optional(),
  reason: z.string().optional(),
  details: z
    .looseObject({ causes: z.array(z.looseObject({ reason: z.string().optional(), message: z.string().optional() })) })
    .partial()
    .optional(),
});

/**
 * The channel protocol of Kubernetes over a WebSocket that is open or opening: the first byte of each message is the
 * channel (0 stdin, 1 stdout, 2 stderr, 3 the final v1.Status, 255 in v5 the end of the channel that the next byte names).
 * stdout pauses the socket while its reader is behind, and with it everything else that comes on this connection, the
 * exit status included: whoever waits for `exit` must read stdout. A command that ends while much of its stdin is
 * unread does not get its status through (seen with kubectl too, Kubernetes 1.37 and containerd 2.1.9): F331 after
 * STALL_MS then, so whoever knows better closes the stream. Under v4 the end of stdin ends the connection.
 */
export function createExecStream(socket: WebSocket, pod: string): ExecStream {
  const ending = createEnding();
  let stderr = Buffer.alloc(0);
  const stdout = new Readable({
    highWaterMark: STDOUT_BUFFER,
    read: () => socket.resume(),
    destroy: (error, done) => {
      // Nobody reads any more, but stderr and the status are still wanted.
      socket.resume();
      done(error);
    },
  });
  // Its consumer sees the error; without one it must not bring the process down, `exit` carries it too.
  stdout.on('error', () => undefined);
  let heard = Date.now();
  const hear = (): void => {
    heard = Date.now();
  };
  const stdin = createStdin(socket, hear);
  const end = (outcome: Exit): void => {
    if (!ending.finish(outcome)) return;
    const error = 'error' in outcome ? outcome.error : undefined;
    if (error === undefined) stdout.push(null);
    else stdout.destroy(error);
    stdin.destroy(error);
    socket.close();
  };
  const lose = (why: string): void => end({ error: lost(pod, why) });
  socket.on('message', (data) => {
    const bytes = Buffer.isBuffer(data) ? data : Buffer.concat(Array.isArray(data) ? data : [Buffer.from(data)]);
    const payload = bytes.subarray(1);
    switch (bytes[0]) {
      case STDOUT:
        if (payload.length > 0 && !stdout.destroyed && !stdout.push(payload)) socket.pause();
        break;
      case STDERR:
        stderr = Buffer.from(Buffer.concat([stderr, payload]).subarray(-STDERR_KEPT));
        break;
      case STATUS:
        end(readExit(payload, pod));
        break;
    }
  });
  for (const sign of ['pong', 'ping', 'message']) socket.on(sign, hear);
  watchPeer(socket, { heard: () => heard, hear, onDead: () => lose('the other end has gone silent') });
  socket.on('close', (code, reason) => lose(closeSentence(code, reason.toString('utf8'))));
  socket.on('error', (error) => lose(errorSentence(error)));
  return {
    stdin,
    stdout,
    stderr: () => stderr.toString('utf8'),
    exit: ending.exit,
    close: () => {
      lose('it was closed from here');
      // close() waits 30 s for the peer's close frame; nobody here does.
      socket.terminate();
    },
  };
}

/** Accepts bytes while less than STDIN_BUFFER waits in the socket, and otherwise only when they have left it. */
function createStdin(socket: WebSocket, onSent: () => void): Writable {
  const send = (chunk: Buffer, done: (error?: Error | null) => void): void => {
    const last = chunk.length <= FRAME;
    const piece = last ? chunk : chunk.subarray(0, FRAME);
    const frame = Buffer.allocUnsafe(piece.length + 1);
    frame[0] = STDIN;
    piece.copy(frame, 1);
    let waiting = true;
    const next = (error?: Error | null): void => {
      if (!waiting) return;
      waiting = false;
      if (error) done(error);
      else if (last) done();
      else send(chunk.subarray(FRAME), done);
    };
    socket.send(frame, { binary: true }, (error) => {
      if (!error) onSent();
      next(error);
    });
    if (socket.bufferedAmount < STDIN_BUFFER) next();
  };
  const stdin = new Writable({
    highWaterMark: STDIN_BUFFER,
    write: (chunk: Buffer, _encoding, done) => send(chunk, done),
    final: (done) => {
      if (socket.readyState !== socket.OPEN) return done();
      if (socket.protocol.startsWith('v5')) socket.send(Buffer.from([CLOSE, STDIN]), { binary: true }, done);
      else {
        socket.close();
        done();
      }
    },
  });
  stdin.on('error', () => undefined);
  return stdin;
}

/** The first outcome counts; `finish` tells whether this was it. */
function createEnding(): { exit: Promise<number>; finish(outcome: Exit): boolean } {
  let settle: ((outcome: Exit) => void) | undefined;
  const exit = new Promise<number>((resolve, reject) => {
    settle = (outcome) => ('error' in outcome ? reject(outcome.error) : resolve(outcome.code));
  });
  // Whoever needs the status awaits it; for the others a rejection is no reason to end the process.
  exit.catch(() => undefined);
  return {
    exit,
    finish: (outcome) => {
      if (settle === undefined) return false;
      settle(outcome);
      settle = undefined;
      return true;
    },
  };
}

type Exit = { readonly error: Error } | { readonly code: number };

function readExit(payload: Buffer, pod: string): Exit {
  let status: z.infer<typeof exitSchema>;
  try {
    status = exitSchema.parse(JSON.parse(payload.toString('utf8')));
  } catch {
    return { error: lost(pod, 'it sent no readable exit status') };
  }
  if (status.status === 'Success') return { code: 0 };
  const cause = status.details?.causes?.find((each) => each.reason === 'ExitCode');
  const code = Number(cause?.message);
  if (status.reason === 'NonZeroExitCode' && Number.isInteger(code)) return { code };
  const message = (status.message ?? 'no reason given').replace(/\s+/g, ' ').slice(0, 1000);
  return {
    error: new MigrateError('F360', {
      detail: `pod ${pod}: ${message}`,
      remedy: 'look at the pod: kubectl describe pod',
    }),
  };
}

/** Pings the peer and reports when it has been silent for too long. Paused by ourselves we cannot hear it, and wait. */
function watchPeer(socket: WebSocket, peer: { heard(): number; hear(): void; onDead(): void }): void {
  const timer = setInterval(() => {
    if (socket.readyState !== socket.OPEN) return;
    if (socket.isPaused) return peer.hear();
    const limit = socket.bufferedAmount > 0 ? STALL_MS : SILENCE_MS;
    if (Date.now() - peer.heard() < limit) return socket.ping();
    peer.onDead();
    socket.terminate();
  }, PING_MS);
  timer.unref();
  socket.once('close', () => clearInterval(timer));
}

function lost(pod: string, why: string): MigrateError {
  return new MigrateError('F331', {
    detail: `connection to pod ${pod}: ${why}`,
    remedy: 'check the network to the API server, and that pod and node are up',
  });
}

function closeSentence(code: number, reason: string): string {
  const words = reason.replace(/\s+/g, ' ').slice(0, 300);
  return `it ended without an exit status (code ${code}${words === '' ? '' : `, ${words}`})`;
}

function errorSentence(error: Error): string {
  return 'code' in error ? `it broke (${String(error.code)})` : 'it broke';
}

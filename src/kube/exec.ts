import type http from 'node:http';
import WebSocket from 'ws';
import { ApiFailure } from './api-client.ts';
import type { Credentials } from './credentials.ts';
import { createExecStream } from './exec-stream.ts';
import { asTransportFailure, parseStatus } from './failures.ts';
import { optionsWithin } from './options-within.ts';
import type { ExecRequest, ExecStream } from './ports.ts';

/** The first one that the server knows is used: v5 can end stdin, v4 cannot. */
const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
/** The API server sends frames of 32 KiB; anything near this is not one. */
const MAX_FRAME = 16 * 1024 * 1024;
/** Longest refusal of a handshake that is read, in bytes. */
const MAX_REFUSAL = 64 * 1024;

/**
 * Starts a command in a container over a WebSocket, speaking Kubernetes' channel protocol itself. client-node 2.0.1 does
 * not fit for bulk data: its Exec calls `ws.send` on every 'data' of stdin without looking at `bufferedAmount`
 * (web-socket-handler.js, handleStandardInput), and writes stdout without looking at what `write` returns
 * (handleStandardStreams), so a slow end lets memory grow without bound; nor does it notice a dead peer.
 * Throws ApiFailure when the server does not take the request.
 */
export async function openExec(credentials: Credentials, request: ExecRequest, timeoutMs: number): Promise<ExecStream> {
  const connection = await optionsWithin(credentials, timeoutMs, request.signal);
  const secure = credentials.server.protocol === 'https:';
  const socket = new WebSocket(execUrl(credentials.server, request), PROTOCOLS, {
    agent: connection.agent,
    headers: { ...connection.headers, 'user-agent': 'kubectl-migrate' },
    ...(connection.auth === undefined ? {} : { auth: connection.auth }),
    handshakeTimeout: timeoutMs,
    perMessageDeflate: false,
    maxPayload: MAX_FRAME,
    // Masking keeps intermediaries from misreading plain HTTP. Inside TLS there are none, and a mask of zeros spares
    // an exclusive-or of every byte in JavaScript.
    ...(secure ? { generateMask: (mask: Buffer) => mask.fill(0) } : {}),
  });
  const stream = createExecStream(socket, `${request.namespace}/${request.pod}`);
  const onAbort = (): void => stream.close();
  request.signal?.addEventListener('abort', onAbort, { once: true });
  socket.once('close', () => request.signal?.removeEventListener('abort', onAbort));
  try {
    await opened(socket, timeoutMs, connection.proxy);
    return stream;
  } catch (error) {
    stream.close();
    request.signal?.throwIfAborted();
    throw error;
  }
}

function execUrl(server: URL, request: ExecRequest): URL {
  const { namespace, pod, container, command } = request;
  const names = [namespace, pod].map(encodeURIComponent);
  const url = new URL(`${server.href.replace(/\/$/, '')}/api/v1/namespaces/${names[0]}/pods/${names[1]}/exec`);
  url.protocol = server.protocol === 'https:' ? 'wss:' : 'ws:';
  url.searchParams.append('container', container);
  for (const channel of ['stdin', 'stdout', 'stderr']) url.searchParams.append(channel, 'true');
  for (const argument of command) url.searchParams.append('command', argument);
  return url;
}

function opened(socket: WebSocket, timeoutMs: number, proxy: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('unexpected-response', (_request, response) => {
      readRefusal(response).then(reject, reject);
    });
    socket.once('error', (error) => {
      const late = error.message === 'Opening handshake has timed out';
      reject(late ? new ApiFailure({ kind: 'timeout', ms: timeoutMs, sent: true }) : asTransportFailure(error, proxy));
    });
    socket.once('close', () => {
      reject(new ApiFailure({ kind: 'transport', code: 'ECONNRESET', message: 'closed while opening', sent: true }));
    });
  });
}

async function readRefusal(response: http.IncomingMessage): Promise<ApiFailure> {
  let body = '';
  for await (const chunk of response) {
    body += String(chunk);
    if (body.length > MAX_REFUSAL) break;
  }
  return new ApiFailure({ kind: 'status', status: parseStatus(body, response.statusCode ?? 0, undefined) });
}

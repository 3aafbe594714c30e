import http from 'node:http';
import https from 'node:https';
import { z } from 'zod';
import type { Side } from '../domain/refs.ts';
import { type ApiClient, ApiFailure, type ApiRequest, type StatusInfo, type WatchEvent } from './api-client.ts';
import type { ConnectionOptions, Credentials } from './credentials.ts';
import { openExec } from './exec.ts';
import { asTransportFailure, parseProxied, parseStatus, unreadable } from './failures.ts';
import { optionsWithin } from './options-within.ts';

/** Longest answer that is read, in bytes; lists are paged and stay far below. */
const MAX_BODY = 64 * 1024 * 1024;
/** Longest event of a watch, in bytes: etcd's objects end at 1.5 MiB. */
const MAX_EVENT = 8 * 1024 * 1024;

const eventSchema = z.looseObject({
  type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']),
  object: z.looseObject({ apiVersion: z.string(), kind: z.string(), metadata: z.looseObject({}).default({}) }),
});

export interface HttpClientOptions {
  readonly side: Side;
  readonly context: string;
  readonly credentials: Credentials;
  readonly requestTimeoutMs: number;
  readonly onRequest?: (request: SeenRequest) => void;
}

/** A request as it went, without bodies and headers. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  /** The HTTP status, or in a word how it failed. */
  readonly status: string;
  /** Until the first byte of the answer, in ms. */
  readonly ms: number;
}

/**
 * Speaks to a real API server over kept-alive HTTP/1.1 connections. node:https rather than fetch: the same agent then
 * serves requests, watches and WebSockets, proxies included. A 401 is answered by asking the credential plugins
 * anew, once: the request was refused and not performed, so this is safe for writes too.
 */
export function createHttpClient(options: HttpClientOptions): ApiClient {
  const { side, context, credentials, requestTimeoutMs } = options;
  const renewing = async <T>(act: () => Promise<T>): Promise<T> => {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof ApiFailure && error.info.kind === 'status' && error.info.status.code === 401)) throw error;
      credentials.renew();
      return await act();
    }
  };
  const send = async (request: ApiRequest): Promise<Answer> => {
    const timeoutMs = request.timeoutMs ?? requestTimeoutMs;
    const connection = await optionsWithin(credentials, Math.min(timeoutMs, requestTimeoutMs), request.signal);
    const started = performance.now();
    const seen = (status: string): void =>
      options.onRequest?.({
        method: request.method,
        url: requestUrl(credentials.server, request).href,
        status,
        ms: performance.now() - started,
      });
    try {
      const answer = await sendRequest(credentials.server, connection, request, timeoutMs);
      seen(String(answer.response.statusCode));
      return answer;
    } catch (error) {
      seen(error instanceof ApiFailure ? error.message : 'aborted');
      throw error;
    }
  };
  return {
    side,
    context,
    server: credentials.server.href.replace(/\/$/, ''),
    requestTimeoutMs,
    request: (request) =>
      renewing(async () => {
        const answer = await send(request);
        try {
          return parseBody(await readBody(answer.response));
        } catch (error) {
          throw answer.reason(error);
        } finally {
          answer.finish();
        }
      }),
    watch: (request) => watchEvents(() => renewing(() => send(request))),
    exec: (request) => renewing(() => openExec(credentials, request, requestTimeoutMs)),
  };
}

interface Answer {
  readonly response: http.IncomingMessage;
  /** What really ended the request, given the error that its stream shows. */
  reason(error: unknown): unknown;
  /** Ends the deadline; to be called when the body was read. */
  finish(): void;
}

/** Resolves with an answer of status 2xx; everything else is thrown. The deadline runs until `finish`. */
async function sendRequest(
  server: URL,
  connection: ConnectionOptions,
  request: ApiRequest,
  timeoutMs: number,
): Promise<Answer> {
  request.signal?.throwIfAborted();
  const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
  const transport = server.protocol === 'https:' ? https : http;
  const outgoing = transport.request(requestUrl(server, request), {
    method: request.method,
    agent: connection.agent,
    ...(connection.auth === undefined ? {} : { auth: connection.auth }),
    headers: {
      ...connection.headers,
      accept: 'application/json',
      'user-agent': 'kubectl-migrate',
      ...(body && { 'content-type': request.contentType ?? 'application/json', 'content-length': body.length }),
    },
  });
  let ended: unknown;
  let fail = (_why: unknown): void => undefined;
  const end = (why: unknown): void => {
    ended ??= why;
    outgoing.destroy(why instanceof Error ? why : new Error('aborted'));
    // One that still waits for a proxy tells nobody of its end.
    fail(why);
  };
  const endAfter = (ms: number) =>
    setTimeout(() => end(new ApiFailure({ kind: 'timeout', ms, sent: mayBeSent(outgoing) })), ms);
  const timer = endAfter(timeoutMs);
  let lingering: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    if (request.lingerMs !== undefined && mayBeSent(outgoing)) lingering = endAfter(request.lingerMs);
    else end(request.signal?.reason);
  };
  request.signal?.addEventListener('abort', onAbort, { once: true });
  const finish = (): void => {
    clearTimeout(timer);
    clearTimeout(lingering);
    request.signal?.removeEventListener('abort', onAbort);
  };
  const reason = (error: unknown): unknown => ended ?? asTransportFailure(error, connection.proxy);
  try {
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      fail = reject;
      outgoing.once('response', resolve);
      // Stays for the lifetime of the request: a reset after the answer must not become an uncaught error.
      outgoing.on('error', reject);
      outgoing.end(body);
    });
    const code = response.statusCode ?? 0;
    if (code < 200 || code > 299)
      throw new ApiFailure({ kind: 'status', status: await readStatus(response, code, request) });
    return { response, reason, finish };
  } catch (error) {
    finish();
    throw reason(error);
  }
}

/** Whatever has a connection that is open may have left by it. */
function mayBeSent({ socket }: http.ClientRequest): boolean {
  if (socket === null || socket.connecting) return false;
  return !('secureConnecting' in socket && socket.secureConnecting);
}

function requestUrl(server: URL, request: ApiRequest): URL {
  const url = new URL(server.href.replace(/\/$/, '') + request.path);
  for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.append(name, value);
  return url;
}

async function readBody(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MAX_BODY) throw unreadable(`the answer is longer than ${MAX_BODY} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Only the Status message of a refusal is kept; other bodies (proxies, login pages) are not shown. */
async function readStatus(response: http.IncomingMessage, code: number, request: ApiRequest): Promise<StatusInfo> {
  if (request.proxied) return parseProxied(await readBody(response), code);
  const header = Number(response.headers['retry-after']);
  return parseStatus(await readBody(response), code, Number.isFinite(header) ? header : undefined);
}

function parseBody(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw unreadable('the answer is not JSON');
  }
}

/** Yields events until the server ends the watch or the consumer stops; the connection ends with either. */
async function* watchEvents(open: () => Promise<Answer>): AsyncGenerator<WatchEvent> {
  const { response, reason, finish } = await open();
  try {
    response.setEncoding('utf8');
    let rest = '';
    for await (const chunk of response) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_EVENT) throw unreadable('an event of the watch is too long');
      for (const line of lines) {
        if (line !== '') yield parseEvent(line);
      }
    }
  } catch (error) {
    throw reason(error);
  } finally {
    finish();
    response.destroy();
  }
}

function parseEvent(line: string): WatchEvent {
  const event = eventSchema.safeParse(parseBody(line));
  if (!event.success) throw unreadable('an event of the watch is not one of Kubernetes');
  const { type, object } = event.data;
  return { type, object: { ...object, metadata: { name: '', ...object.metadata } } };
}

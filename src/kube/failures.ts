import http from 'node:http';
import { z } from 'zod';
import { ApiFailure, type StatusInfo } from './api-client.ts';

const statusSchema = z.looseObject({
  message: z.string().nullish(),
  reason: z.string().nullish(),
  details: z.looseObject({ retryAfterSeconds: z.number().nullish() }).nullish(),
});

/** Reads a v1.Status; anything else yields a sentence made of the code. */
export function parseStatus(body: string, code: number, retryAfter: number | undefined): StatusInfo {
  let status: z.infer<typeof statusSchema> = {};
  try {
    status = statusSchema.catch({}).parse(JSON.parse(body));
  } catch {
    // Not JSON: an answer of something in between.
  }
  const seconds = status.details?.retryAfterSeconds ?? retryAfter;
  return {
    code,
    reason: status.reason ?? http.STATUS_CODES[code] ?? '',
    message: status.message ?? `HTTP ${code} without a Kubernetes status`,
    ...(seconds === undefined ? {} : { retryAfterSeconds: seconds }),
  };
}

/** Reads a refusal of somebody behind the API server: plain text, unless the API server itself refused. */
export function parseProxied(body: string, code: number): StatusInfo {
  const status = parseStatus(body, code, undefined);
  return body.trimStart().startsWith('{') ? status : { ...status, message: body.slice(0, 4096), proxied: true };
}

/** An answer that is not what an API server sends. */
export function unreadable(message: string): ApiFailure {
  return new ApiFailure({ kind: 'transport', code: 'UNREADABLE', message, sent: true });
}

/** What hpagent 1.2 throws when a proxy answers CONNECT with anything but 200; it has no code of its own. */
const PROXY_REFUSAL = /^Bad response: (\d+)$/;
/** Stands for it. */
export const PROXY_REFUSED = 'PROXY_REFUSED';
/** The proxy itself cannot be reached. */
export const PROXY_UNREACHABLE = 'PROXY_UNREACHABLE';
/** Who yields the credentials did not do so in time. */
export const CREDENTIALS_LATE = 'CREDENTIALS_LATE';

const NEVER_SENT = new Set([
  PROXY_REFUSED,
  PROXY_UNREACHABLE,
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ECONNABORTED',
]);

/**
 * Turns an error of a socket or TLS into an ApiFailure; keeps what is one already. `proxy`: what the connection goes by; what
 * cannot be reached is then the proxy, since nothing else is connected to.
 */
export function asTransportFailure(error: unknown, proxy?: string): unknown {
  if (error instanceof ApiFailure || !(error instanceof Error)) return error;
  const first = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  const code = 'code' in first ? String(first.code) : PROXY_REFUSAL.test(first.message) ? PROXY_REFUSED : 'UNKNOWN';
  if (code === 'UNKNOWN') return error;
  if (proxy !== undefined && code !== PROXY_REFUSED && NEVER_SENT.has(code)) {
    const message = `the proxy ${proxy} cannot be reached (${code})`;
    return new ApiFailure({ kind: 'transport', code: PROXY_UNREACHABLE, message, sent: false });
  }
  const sent = !NEVER_SENT.has(code) && !isTlsCode(code);
  return new ApiFailure({ kind: 'transport', code, message: first.message, sent });
}

/** Codes of OpenSSL's certificate check and of Node's TLS: the request was not sent yet. */
export function isTlsCode(code: string): boolean {
  return /CERT|SIGNATURE|ISSUER|ERR_TLS|ERR_SSL|EPROTO|HOSTNAME_MISMATCH|CRL/.test(code);
}

/** True when a write failed before its request could reach the server: then it did not happen. */
export function neverSent(error: unknown): boolean {
  const failure = error instanceof Error && !(error instanceof ApiFailure) ? error.cause : error;
  return failure instanceof ApiFailure && failure.info.kind !== 'status' && !failure.info.sent;
}

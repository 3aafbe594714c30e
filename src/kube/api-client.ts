import type { Side } from '../domain/refs.ts';
import type { KubeObject } from './objects.ts';
import type { ExecRequest, ExecStream, PatchType, Resource } from './ports.ts';

/** One HTTP request to an API server. `body` is plain JSON. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
  /**
   * So long is the answer to what was sent still waited for after the signal, in ms, and then it is a timeout; by default not
   * at all. What was not sent by then ends with the signal in any case.
   */
  readonly lingerMs?: number;
  /** Overrides the client's request timeout, in ms. */
  readonly timeoutMs?: number;
  /** Somebody behind the API server answers, whose refusals are plain text. */
  readonly proxied?: boolean;
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubeObject;
}

/**
 * One API server, spoken to in raw JSON. The typed models of client-node drop unknown fields and turn times into Dates,
 * so what they read cannot be written back; here objects travel as they are. Implemented by the HTTP client and by the
 * tests' fake cluster; reader, gateway, waits and journal run unchanged over both.
 * All methods throw ApiFailure, or the signal's reason. None of them retries.
 */
export interface ApiClient {
  readonly side: Side;
  readonly context: string;
  readonly server: string;
  /** How long one request may take, in ms (`--request-timeout`). */
  readonly requestTimeoutMs: number;
  request(request: ApiRequest): Promise<unknown>;
  /** Ends normally when the server ends the watch. */
  watch(request: ApiRequest): AsyncIterable<WatchEvent>;
  exec(request: ExecRequest): Promise<ExecStream>;
}

/** What an API server's Status says of a refusal. */
export interface StatusInfo {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly retryAfterSeconds?: number;
  /** Set when the refusal is the plain text of somebody behind the API server. */
  readonly proxied?: boolean;
}

/** `sent: false` when the request certainly never reached the server. */
export type FailureInfo =
  | { readonly kind: 'status'; readonly status: StatusInfo }
  | { readonly kind: 'transport'; readonly code: string; readonly message: string; readonly sent: boolean }
  | { readonly kind: 'timeout'; readonly ms: number; readonly sent: boolean };

/** How a request failed, before anybody knows what it meant. Becomes a MigrateError in errors.ts. */
export class ApiFailure extends Error {
  readonly info: FailureInfo;

  constructor(info: FailureInfo) {
    super(info.kind === 'status' ? `${info.status.code} ${info.status.reason}` : info.kind);
    this.name = 'ApiFailure';
    this.info = info;
  }
}

/** The HTTP status of a failure, or undefined when there was no answer. */
export function statusCode(error: unknown): number | undefined {
  return error instanceof ApiFailure && error.info.kind === 'status' ? error.info.status.code : undefined;
}

/** `/api/v1/namespaces/shop/pods/cart-0`, or the collection when `name` is absent. */
export function resourcePath(resource: Resource, namespace: string | undefined, name?: string): string {
  const root = resource.apiVersion.includes('/') ? `/apis/${resource.apiVersion}` : `/api/${resource.apiVersion}`;
  const scope = resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${resource.plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
}

/** JSON is YAML, so an apply patch may be JSON too. */
export const PATCH_CONTENT_TYPES: Readonly<Record<PatchType, string>> = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

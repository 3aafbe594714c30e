import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { LOCALHOST } from '../fixtures/localhost-tls.ts';
import { digestOf, RegistryContents } from './registry-contents.ts';

export interface FakeRegistryOptions {
  /** Who may come in; everybody when absent. With `tokens` by the token flow, else by a login with each request. */
  readonly login?: { readonly username: string; readonly password: string };
  readonly tokens?: boolean;
  /** Answers every write as distribution does in read-only mode. */
  readonly readOnly?: boolean;
  /** What it has room for, in bytes; answers beyond it as distribution does when its disk is full. */
  readonly room?: number;
  /** Another host that it sends uploads to. */
  readonly uploadsTo?: string;
  /** Takes manifests away when asked to; distribution does not unless told to. */
  readonly deletes?: boolean;
}

const TOKEN = 'a-token';

/**
 * A registry as docker-registry 2.8 (distribution) behaves: uploads in three requests, digests checked, manifests only
 * of blobs that are there, errors as the distribution-spec lists them.
 */
export class FakeRegistry {
  readonly #contents = new RegistryContents();
  readonly blobs = this.#contents.blobs;
  readonly manifests = this.#contents.manifests;
  /** Method and path of every request, in order. */
  readonly asked: string[] = [];
  /** The login of every request, in order. */
  readonly logins: (string | undefined)[] = [];
  readonly #options: FakeRegistryOptions;
  readonly #uploads = new Map<string, Buffer>();
  readonly #server: Server;
  #serial = 0;

  constructor(options: FakeRegistryOptions = {}) {
    this.#options = options;
    this.#server = createServer(LOCALHOST, (request, response) => void this.#serve(request, response));
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, 'localhost', resolve));
    return `localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'https://localhost');
    const body = await buffer(request).catch(() => undefined);
    // Who breaks off waits for no answer.
    if (!body) return;
    this.asked.push(`${request.method} ${url.pathname}`);
    this.logins.push(request.headers.authorization);
    const answer = this.#answer(request, url, body);
    response.writeHead(answer.status, answer.headers);
    response.end(answer.content ?? answer.body);
  }

  #answer(request: IncomingMessage, url: URL, body: Buffer): Answer {
    if (url.pathname === '/token') return this.#token(request);
    const challenge = this.#challenge(request);
    if (challenge) return challenge;
    const writes = !['GET', 'HEAD'].includes(request.method ?? '');
    if (writes && this.#options.readOnly) return failed(405, 'UNSUPPORTED', 'The operation is unsupported.');
    const [, blob] = /\/blobs\/(sha256:[0-9a-f]{64})$/.exec(url.pathname) ?? [];
    if (request.method === 'HEAD' && blob) return { status: this.blobs.has(blob) ? 200 : 404 };
    const content = request.method === 'GET' && blob ? this.blobs.get(blob) : undefined;
    if (content) return { status: 200, content };
    if (/\/blobs\/uploads\//.test(url.pathname)) return this.#upload(request.method ?? '', url, body);
    const [, reference] = /\/manifests\/([^/]+)$/.exec(url.pathname) ?? [];
    const kept = request.method === 'GET' && reference ? this.manifests.get(reference) : undefined;
    if (kept) return { status: 200, headers: { 'content-type': mediaTypeOf(kept) }, content: kept };
    if (reference && request.method === 'GET') return failed(404, 'MANIFEST_UNKNOWN', 'manifest unknown');
    if (reference && request.method === 'PUT') return this.#manifest(reference, body, request);
    if (reference && request.method === 'DELETE') return this.#delete(reference);
    return failed(404, 'NAME_UNKNOWN', 'repository name not known to registry');
  }

  #challenge({ headers }: IncomingMessage): Answer | undefined {
    const { login, tokens } = this.#options;
    if (!login) return undefined;
    const wanted = tokens ? `Bearer ${TOKEN}` : basic(login);
    if (headers.authorization === wanted) return undefined;
    const realm = `realm="https://${headers.host}/token",service="fake",scope="repository:x:pull,push"`;
    const header = tokens ? `Bearer ${realm}` : 'Basic realm="fake"';
    return { ...failed(401, 'UNAUTHORIZED', 'authentication required'), headers: { 'www-authenticate': header } };
  }

  #token({ headers }: IncomingMessage): Answer {
    const { login } = this.#options;
    if (login && headers.authorization !== basic(login)) return failed(401, 'UNAUTHORIZED', 'wrong password');
    return { status: 200, body: JSON.stringify({ token: TOKEN }) };
  }

  #upload(method: string, url: URL, body: Buffer): Answer {
    if (method === 'POST') {
      const id = `${++this.#serial}`;
      this.#uploads.set(id, Buffer.alloc(0));
      const { uploadsTo } = this.#options;
      const place = uploadsTo === undefined ? '' : `https://${uploadsTo}`;
      return { status: 202, headers: { location: `${place}${url.pathname}${id}?state=s` } };
    }
    const id = url.pathname.split('/').at(-1) ?? '';
    const before = this.#uploads.get(id);
    if (!before) return failed(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
    const whole = Buffer.concat([before, body]);
    if (this.#taken() + whole.length > (this.#options.room ?? Number.POSITIVE_INFINITY)) {
      return failed(500, 'UNKNOWN', 'unknown error', { DriverName: 'filesystem', Enclosed: { Op: 'write', Err: 28 } });
    }
    this.#uploads.set(id, whole);
    if (method === 'PATCH') return { status: 202, headers: { location: `${url.pathname}?state=t` } };
    const digest = url.searchParams.get('digest') ?? '';
    if (digest !== digestOf(whole)) return failed(400, 'DIGEST_INVALID', 'provided digest did not match');
    this.#uploads.delete(id);
    this.#contents.keep(whole);
    return { status: 201 };
  }

  #taken(): number {
    return [...this.blobs.values()].reduce((sum, blob) => sum + blob.length, 0);
  }

  #manifest(tag: string, body: Buffer, { headers }: IncomingMessage): Answer {
    const against = this.#contents.against(body, headers['content-type']);
    if (against) return failed(400, against.code, against.message);
    this.#contents.put(tag, body);
    return { status: 201 };
  }

  #delete(reference: string): Answer {
    if (!this.#options.deletes) return failed(405, 'UNSUPPORTED', 'The operation is unsupported.');
    switch (this.#contents.remove(reference)) {
      case 'no digest':
        return failed(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
      case 'unknown':
        return failed(404, 'MANIFEST_UNKNOWN', 'manifest unknown');
      case 'removed':
        return { status: 202 };
    }
  }
}

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly content?: Buffer;
}

function mediaTypeOf(manifest: Buffer): string {
  return String((JSON.parse(manifest.toString()) as { mediaType?: string }).mediaType);
}

function failed(status: number, code: string, message: string, detail?: unknown): Answer {
  return { status, body: JSON.stringify({ errors: [{ code, message, detail }] }) };
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

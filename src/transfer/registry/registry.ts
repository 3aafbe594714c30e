import { createHash } from 'node:crypto';
import { Readable, Transform, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { isMigrateError, MigrateError } from '../../domain/errors.ts';
import { parseJson } from '../../domain/json.ts';
import type { RegistryLogin } from './credentials.ts';
import { type RegistryAct, refused, unreachable } from './errors.ts';
import { basic, createHttp, parseChallenge, type RegistryAnswer, type RegistryRequest, refusalOf } from './http.ts';
import type { RepositoryRef } from './reference.ts';

/** How long a registry may be silent, in ms. */
const SILENT_MS = 30_000;

export interface RegistryOptions extends RepositoryRef {
  /** PEM of authorities to trust beside the system's. */
  readonly ca?: string;
  /** Asked for once, when the registry wants to know who asks. */
  readonly login?: () => Promise<RegistryLogin | undefined>;
  readonly silentMs?: number;
}

/**
 * One repository of a registry (OCI distribution-spec 1.1 over TLS). Methods throw F380 to F385; they stop when the
 * signal is aborted. None of them is tried again.
 */
export interface Registry {
  has(digest: string, signal?: AbortSignal): Promise<boolean>;
  /** Reads a manifest by tag or digest, with its type and its digest. */
  manifest(reference: string, signal?: AbortSignal): Promise<{ body: Buffer; mediaType: string; digest: string }>;
  /** The digest of the manifest that has a tag; undefined where none has it. */
  digestOf(tag: string, signal?: AbortSignal): Promise<string | undefined>;
  /** Reads a blob into `into`; yields its digest as it was counted on the way, which is the caller's to compare. */
  download(digest: string, into: Writable, signal?: AbortSignal): Promise<string>;
  /**
   * Sends a blob in one go; the digest is taken on the way. A stream's last piece is sent when it has ended well: of one
   * that fails, whenever it does, the registry keeps nothing. Throws F342 when `size` is not its length.
   */
  upload(data: Buffer | Readable, size: number, signal?: AbortSignal): Promise<{ digest: string; size: number }>;
  /** Makes an image of blobs that are there; yields the manifest's digest. */
  putManifest(tag: string, body: Buffer, mediaType: string, signal?: AbortSignal): Promise<string>;
  /**
   * Removes a manifest; blobs go with the registry's own garbage collection. `kept` where the registry does not delete
   * (distribution answers 405 unless `storage.delete.enabled`). Idempotent.
   */
  remove(digest: string, signal?: AbortSignal): Promise<'removed' | 'kept'>;
  /** Ends connections. Idempotent. */
  close(): void;
}

/** What an image may be described by; the first is OCI's own. */
const MANIFEST_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

const tokenSchema = z.looseObject({ token: z.string().optional(), access_token: z.string().optional() });

/** Connects to a repository; sends nothing yet. */
export function connectRegistry(options: RegistryOptions): Registry {
  const { host, repository, ca, login, silentMs = SILENT_MS } = options;
  const http = createHttp({ host, silentMs, ...(ca !== undefined && { ca }) });
  const base = `/v2/${repository}`;
  let authorization: string | undefined;
  let known: Promise<RegistryLogin | undefined> | undefined;

  const reach = async (request: RegistryRequest, act: string): Promise<RegistryAnswer> => {
    try {
      // A login is for whom it was made: an upload may lead to a store elsewhere, which has its own way in the address.
      const isOwn = new URL(request.at, `https://${host}`).host === host;
      const headers = { ...(isOwn && authorization !== undefined && { authorization }), ...request.headers };
      return await http.send({ ...request, headers });
    } catch (error) {
      request.signal?.throwIfAborted();
      throw isMigrateError(error) ? error : unreachable(error, { host, repository, act });
    }
  };
  const authorize = async (answer: RegistryAnswer, about: RegistryAct): Promise<void> => {
    known ??= login?.() ?? Promise.resolve(undefined);
    const who = await known;
    const { scheme, parameters } = parseChallenge(answer.headers['www-authenticate']);
    if (scheme === 'bearer') authorization = `Bearer ${await token(parameters, who, about)}`;
    else if (scheme === 'basic' && who) authorization = basic(who);
    else throw refused(refusalOf(answer), about);
  };
  const token = async (
    { realm, service, scope }: Readonly<Record<string, string>>,
    who: RegistryLogin | undefined,
    about: RegistryAct,
  ): Promise<string> => {
    if (realm === undefined || !realm.startsWith('https://')) {
      throw refused({ status: 401, code: '', message: 'it names no place over TLS to log in at' }, about);
    }
    const url = new URL(realm);
    if (service !== undefined) url.searchParams.set('service', service);
    if (scope !== undefined) url.searchParams.set('scope', scope);
    const headers = who ? { authorization: basic(who) } : {};
    const answer = await reach({ method: 'GET', at: url.href, headers }, 'log in');
    const parsed = tokenSchema.safeParse(parseJson(answer.text));
    const found = parsed.success ? (parsed.data.token ?? parsed.data.access_token) : undefined;
    if (answer.status !== 200 || found === undefined) throw refused({ ...refusalOf(answer), status: 401 }, about);
    return found;
  };
  /** Asks; logs in once and asks again where the registry wants to know who asks. A stream cannot be sent twice. */
  const ask = async (request: RegistryRequest, act: string, expected: readonly number[]): Promise<RegistryAnswer> => {
    const about = { host, repository, act };
    let answer = await reach(request, act);
    if (answer.status === 401 && !(request.body?.data instanceof Readable)) {
      await authorize(answer, about);
      answer = await reach(request, act);
    }
    if (expected.includes(answer.status)) return answer;
    throw refused(refusalOf(answer), about);
  };

  return {
    has: async (digest, signal) => {
      const request: RegistryRequest = { method: 'HEAD', at: `${base}/blobs/${digest}`, signal };
      return (await ask(request, 'look for a blob', [200, 404])).status === 200;
    },
    manifest: async (reference, signal) => {
      const headers = { accept: MANIFEST_TYPES.join(', ') };
      const request: RegistryRequest = { method: 'GET', at: `${base}/manifests/${reference}`, headers, signal };
      const answer = await ask(request, `read the manifest ${reference}`, [200]);
      const body = Buffer.from(answer.text);
      const mediaType = answer.headers['content-type'] ?? MANIFEST_TYPES[0] ?? '';
      return { body, mediaType, digest: digestOf(body) };
    },
    digestOf: async (tag, signal) => {
      const headers = { accept: MANIFEST_TYPES.join(', ') };
      const request: RegistryRequest = { method: 'GET', at: `${base}/manifests/${tag}`, headers, signal };
      const { status, text } = await ask(request, `look for ${tag}`, [200, 404]);
      return status === 404 ? undefined : digestOf(Buffer.from(text));
    },
    download: async (digest, into, signal) => {
      const hash = createHash('sha256');
      const counting = new Transform({
        transform(chunk: Buffer, _encoding, pass) {
          hash.update(chunk);
          pass(null, chunk);
        },
      });
      const request = { method: 'GET', at: `${base}/blobs/${digest}`, signal } as const;
      const take = (from: Readable) => pipeline(from, counting, into);
      await ask({ ...request, take }, 'read a blob', [200]);
      return `sha256:${hash.digest('hex')}`;
    },
    upload: async (data, size, signal) => {
      if (Buffer.isBuffer(data) && data.length !== size) throw otherLength(data.length, size);
      const hash = createHash('sha256');
      const hashing = wholeOnly(size, (chunk) => hash.update(chunk));
      if (Buffer.isBuffer(data)) hash.update(data);
      // A stream may fail before there is a request; whoever reads it next is told.
      else pipeline(data, hashing).catch(() => undefined);
      const body = { data: Buffer.isBuffer(data) ? data : hashing, size };
      const started = await ask({ method: 'POST', at: `${base}/blobs/uploads/`, signal }, 'start an upload', [202]);
      const headers = { 'content-type': 'application/octet-stream', 'content-range': `0-${Math.max(0, size - 1)}` };
      const at = locationOf(started);
      const sent = await ask({ method: 'PATCH', at, headers, body, signal }, 'take the image', [202]);
      const digest = `sha256:${hash.digest('hex')}`;
      const last = new URL(locationOf(sent), `https://${host}`);
      last.searchParams.set('digest', digest);
      await ask({ method: 'PUT', at: last.href, signal, body: EMPTY }, 'finish an upload', [201]);
      return { digest, size };
    },
    putManifest: async (tag, body, mediaType, signal) => {
      const at = `${base}/manifests/${tag}`;
      const headers = { 'content-type': mediaType };
      const put: RegistryRequest = { method: 'PUT', at, headers, body: { data: body, size: body.length }, signal };
      await ask(put, 'keep the manifest', [201]);
      return digestOf(body);
    },
    remove: async (digest, signal) => {
      const at = `${base}/manifests/${digest}`;
      const answer = await ask({ method: 'DELETE', at, signal }, 'remove the image', [200, 202, 404, 405]);
      return answer.status === 405 ? 'kept' : 'removed';
    },
    close: http.close,
  };
}

const EMPTY = { data: Buffer.alloc(0), size: 0 };

function digestOf(body: Buffer): string {
  return `sha256:${createHash('sha256').update(body).digest('hex')}`;
}

/**
 * Passes on so many bytes, the last of them once it is sure that they are all: a registry may answer as soon as it has
 * them, and what is then said of their source comes too late. Ends with F342 when there are more or fewer.
 */
function wholeOnly(size: number, look: (chunk: Buffer) => void): Transform {
  let passed = 0;
  let last = EMPTY.data;
  return new Transform({
    transform(chunk: Buffer, _encoding, pass) {
      look(chunk);
      passed += chunk.length;
      if (passed > size) return pass(otherLength(passed, size));
      if (passed < size) return pass(null, chunk);
      last = Buffer.concat([last, chunk]);
      pass();
    },
    flush: (end) => (passed === size ? end(null, last) : end(otherLength(passed, size))),
  });
}

function otherLength(came: number, size: number): MigrateError {
  return new MigrateError('F342', {
    detail: `of ${size} bytes for the registry ${came < size ? `only ${came}` : `at least ${came}`} came`,
    remedy: 'try again; should it happen twice, look at where they come from',
  });
}

/** Where an upload goes on; the registry may name another host. */
function locationOf({ headers }: RegistryAnswer): string {
  return headers.location ?? '';
}

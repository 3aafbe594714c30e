import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { rootCertificates } from 'node:tls';
import { z } from 'zod';
import { parseJson } from '../../domain/json.ts';
import type { RegistryLogin } from './credentials.ts';
import type { Refusal } from './errors.ts';

/** Longest body that is read, in bytes: lists of errors and tokens are small. */
const MAX_BODY = 1024 * 1024;

export interface RegistryRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** A path of the registry, or the full address that it named itself. */
  readonly at: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: { readonly data: Buffer | Readable; readonly size: number };
  /** Takes the body of a 200 instead of it being read as text. A redirection is followed, without the login. */
  readonly take?: (body: Readable) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

export interface RegistryAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

export interface RegistryConnection {
  readonly host: string;
  /** PEM of authorities to trust beside the system's. */
  readonly ca?: string;
  /** How long the registry may be silent, in ms. */
  readonly silentMs: number;
}

/** One registry over TLS. Rejects when there is no answer; what the answer means is up to the caller. */
export function createHttp({ host, ca, silentMs }: RegistryConnection) {
  const agent = new Agent({ keepAlive: true, ...(ca !== undefined && { ca: [...rootCertificates, ca] }) });
  const send = async (asked: RegistryRequest): Promise<RegistryAnswer> => {
    const { method, at, headers, body, take, signal } = asked;
    const url = new URL(at, `https://${host}`);
    const length = body ? { 'content-length': String(body.size) } : {};
    const outgoing = request(url, { method, agent, headers: { ...headers, ...length }, ...(signal && { signal }) });
    outgoing.setTimeout(silentMs, () => outgoing.destroy(new Error(`silent for ${silentMs / 1000} s`)));
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve);
      outgoing.on('error', reject);
    });
    // Awaited below; a body that breaks off rejects it too, and that is told by the body.
    answered.catch(() => undefined);
    if (!body) outgoing.end();
    else if (Buffer.isBuffer(body.data)) outgoing.end(body.data);
    else await Promise.race([pipeline(body.data, outgoing), answered]);
    const response = await answered;
    const { statusCode = 0 } = response;
    const elsewhere = response.headers.location;
    if (take && [301, 302, 307, 308].includes(statusCode) && elsewhere !== undefined) {
      response.resume();
      // Stores elsewhere have their own way in, in the address.
      const { headers: _login, ...rest } = asked;
      return await send({ ...rest, at: new URL(elsewhere, url).href });
    }
    if (take && statusCode === 200) {
      await take(response);
      return { status: statusCode, headers: response.headers, text: '' };
    }
    return { status: response.statusCode ?? 0, headers: response.headers, text: await read(response) };
  };
  return { send, close: () => agent.destroy() };
}

async function read(response: IncomingMessage): Promise<string> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    text += String(chunk);
    if (text.length > MAX_BODY) throw new Error(`an answer of more than ${MAX_BODY} bytes`);
  }
  return text;
}

const errorsSchema = z.looseObject({
  errors: z.array(
    z.looseObject({ code: z.string().default(''), message: z.string().default(''), detail: z.unknown() }),
  ),
});

/** What an answer says of its refusal (distribution-spec 1.1, "Error Codes"). Pure. */
export function refusalOf({ status, text }: RegistryAnswer): Refusal {
  const parsed = errorsSchema.safeParse(parseJson(text));
  const [first] = parsed.success ? parsed.data.errors : [];
  const detail = first?.detail === undefined || first.detail === null ? '' : JSON.stringify(first.detail);
  return { status, code: first?.code ?? '', message: [first?.message, detail].filter(Boolean).join(' ') };
}

/** A challenge of a registry that wants to know who asks (RFC 7235; the token flow of distribution). Pure. */
export function parseChallenge(header: string | undefined) {
  const [, scheme = '', rest = ''] = /^\s*(\w+)\s*(.*)$/s.exec(header ?? '') ?? [];
  const parameters = Object.fromEntries([...rest.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value]));
  return { scheme: scheme.toLowerCase(), parameters: parameters as Readonly<Record<string, string>> };
}

/** The header of a login. Pure. */
export function basic({ username, password }: RegistryLogin): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

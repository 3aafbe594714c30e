import { readFileSync } from 'node:fs';
import https from 'node:https';
import { type CustomFetch, customFetch, discovery, refreshTokenGrant } from 'openid-client';
import { z } from 'zod';
import type { SelectedContext, UserEntry } from './kubeconfig.ts';
import { exchangeTokens, type Tokens } from './kubeconfig-tokens.ts';

/** A token that ends sooner is renewed, in s; client-go's plugin/pkg/client/auth/oidc does so 10 s before. */
const EXPIRY_MARGIN_S = 10;
/** Longest wait for the issuer, in s. */
const ISSUER_TIMEOUT_S = 30;

const claimsSchema = z.looseObject({ exp: z.number() });
const filled = z.string().min(1);
const settingsSchema = z.looseObject({
  'idp-issuer-url': filled,
  'client-id': filled,
  'client-secret': z.string().optional(),
  'idp-certificate-authority': filled.optional(),
  'idp-certificate-authority-data': filled.optional(),
});

/** Whether a user logs in with kubeconfig's `auth-provider` of the name `oidc`. Pure. */
export function isOidc(user: UserEntry): boolean {
  return user['auth-provider']?.name === 'oidc';
}

/**
 * Yields, whenever asked, the ID token of a user of OpenID Connect: the last one while it is valid, at first that of the
 * kubeconfig, else a new one for the refresh token, which is written into the kubeconfig as kubectl does, because many
 * issuers take a refresh token only once. client-node 2.0.1 keeps nothing, and cannot renew at all: it hands the issuer's address as text to openid-client, which
 * takes a URL. What it yields throws in words for the user when there is no valid token to be had.
 */
export function idTokens(context: SelectedContext): () => Promise<string> {
  let last = context.user['auth-provider']?.config?.['id-token'];
  return async () => {
    if (!last || isOver(last)) last = await renewed(context);
    return last;
  };
}

async function renewed(context: SelectedContext): Promise<string> {
  const config = context.user['auth-provider']?.config ?? {};
  if (!context.userPlace) throw new Error('the ID token has expired, and no file says how to renew it');
  const settings = settingsSchema.safeParse(config);
  if (!settings.success) {
    const missing = settings.error.issues.map(({ path }) => path.join('.')).join(', ');
    throw new Error(`the ID token has expired, and auth-provider has no valid ${missing} to renew it`);
  }
  const tokens = await exchangeTokens(context.userPlace, async ({ idToken, refreshToken = '' }) =>
    idToken && !isOver(idToken) ? { idToken, refreshToken } : askIssuer(settings.data, refreshToken),
  );
  return tokens.idToken;
}

async function askIssuer(settings: z.infer<typeof settingsSchema>, refreshToken: string): Promise<Tokens> {
  if (!refreshToken) throw new Error('the ID token has expired, and there is no refresh token');
  const ca = authorityOf(settings);
  const issuer = settings['idp-issuer-url'];
  const client = await discovery(new URL(issuer), settings['client-id'], settings['client-secret'], undefined, {
    timeout: ISSUER_TIMEOUT_S,
    ...(ca && { [customFetch]: fetchTrusting(ca) }),
  }).catch((error: unknown) => {
    throw new Error(`the issuer ${issuer} does not answer as one: ${reasonOf(error)}`);
  });
  const granted = await refreshTokenGrant(client, refreshToken).catch((error: unknown) => {
    throw new Error(`the issuer ${issuer} does not renew the token: ${reasonOf(error)}`);
  });
  if (!granted.id_token) throw new Error(`the issuer ${issuer} sends no ID token`);
  return { idToken: granted.id_token, refreshToken: granted.refresh_token ?? refreshToken };
}

/** `exp` is in seconds (RFC 7519, 4.1.4). The API server is who verifies the token. */
function isOver(token: string): boolean {
  let claims: unknown;
  try {
    claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
  } catch {
    claims = undefined;
  }
  const parsed = claimsSchema.safeParse(claims);
  if (!parsed.success) throw new Error('id-token in the kubeconfig is no JSON Web Token that says when it ends');
  return parsed.data.exp - EXPIRY_MARGIN_S <= Date.now() / 1000;
}

function authorityOf(settings: z.infer<typeof settingsSchema>): string | Buffer | undefined {
  const data = settings['idp-certificate-authority-data'];
  if (data) return Buffer.from(data, 'base64');
  const file = settings['idp-certificate-authority'];
  return file === undefined ? undefined : readFileSync(file);
}

/** Node's own fetch takes no certificate authority. */
function fetchTrusting(ca: string | Buffer): CustomFetch {
  const agent = new https.Agent({ ca });
  return (url, { method, headers, body, signal }) =>
    new Promise((resolve, reject) => {
      const request = https.request(url, { agent, method, headers, ...(signal && { signal }) }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const status = response.statusCode ?? 0;
          const type = response.headers['content-type'] ?? '';
          resolve(new Response(Buffer.concat(chunks), { status, headers: { 'content-type': type } }));
        });
      });
      request.on('error', reject);
      request.end(body === null || body === undefined ? undefined : String(body));
    });
}

/** What the issuer says (RFC 6749, 5.2), or why it could not be asked; never a token. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const said = 'error_description' in error ? error.error_description : 'error' in error ? error.error : undefined;
  if (typeof said === 'string') return said;
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCredentials } from '../../../src/kube/credentials.ts';
import { loadKubeconfig, selectContext } from '../../../src/kube/kubeconfig.ts';
import { LOCALHOST } from '../../fixtures/localhost-tls.ts';
import { inFakeTime } from '../../support/fake-time.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const HOUR_S = 3600;

/** A token that ends so many seconds from now; nobody here looks at its signature. */
function tokenFor(name: string, endsInS: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: issuer, aud: 'kubernetes', sub: name, iat: now, exp: now + endsInS };
  return `${part({ alg: 'RS256' })}.${part(claims)}.${part({ signed: true })}`;
}

let folder: string;
let file: string;
let server: Server;
let issuer: string;
/** Refresh tokens that the issuer still takes; each is taken once, and another given. */
let taken: string[];
let isGood: (refreshToken: string) => boolean;

beforeEach(async () => {
  folder = temporaryFolder();
  file = path.join(folder, 'config');
  taken = [];
  isGood = (refreshToken) => !taken.includes(refreshToken);
  server = createServer(LOCALHOST, async (request, response) => {
    const json = (status: number, body: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (request.url === '/.well-known/openid-configuration') {
      json(200, { issuer, token_endpoint: `${issuer}/token`, response_types_supported: ['code'] });
      return;
    }
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const form = new URLSearchParams(body);
    const refreshToken = form.get('refresh_token') ?? '';
    if (form.get('grant_type') !== 'refresh_token' || !isGood(refreshToken)) {
      json(400, { error: 'invalid_grant', error_description: 'Token is not active' });
      return;
    }
    taken.push(refreshToken);
    json(200, {
      access_token: 'for-nothing',
      token_type: 'Bearer',
      id_token: tokenFor(`after-${refreshToken}`, HOUR_S),
      refresh_token: `${refreshToken}+`,
    });
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  issuer = `https://localhost:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

function write(idToken: string, refreshToken: string | undefined): void {
  const renewal = refreshToken === undefined ? '' : `\n          refresh-token: ${refreshToken} # once`;
  const content = `# mine
apiVersion: v1
kind: Config
current-context: east
contexts:
  - context:
      cluster: east
      user: me
    name: east
clusters:
  - cluster:
      server: https://east.example:6443
    name: east
users:
  - name: other
    user: { token: theirs }
  - name: me
    user:
      auth-provider:
        name: oidc
        config:
          client-id: kubernetes
          client-secret: hush
          idp-issuer-url: ${issuer}
          idp-certificate-authority-data: ${Buffer.from(LOCALHOST.cert).toString('base64')}
          id-token: ${idToken}${renewal}
`;
  writeFileSync(file, content, { mode: 0o600 });
}

function bearerOf(credentials: ReturnType<typeof credentialsOf>): Promise<string | string[] | undefined> {
  return credentials.options().then(({ headers }) => headers['Authorization']);
}

function credentialsOf() {
  return createCredentials(selectContext(loadKubeconfig({ file }), undefined, '--context'));
}

const subjectOf = (bearer: unknown) =>
  JSON.parse(Buffer.from(String(bearer).split('.')[1] ?? '', 'base64url').toString()).sub as string;

describe('a user of OpenID Connect', () => {
  it('sends the ID token of the kubeconfig while it is valid, and asks nobody', async () => {
    write(tokenFor('me', HOUR_S), 'one');
    expect(subjectOf(await bearerOf(credentialsOf()))).toBe('me');
    expect(taken).toEqual([]);
  });

  it('gets a new one when that has expired, and keeps it in the file as it is otherwise', async () => {
    write(tokenFor('me', 5), 'one');
    const before = readFileSync(file, 'utf8');
    const bearer = await bearerOf(credentialsOf());
    expect(subjectOf(bearer)).toBe('after-one');
    const after = readFileSync(file, 'utf8');
    const changed = after.split('\n').filter((line) => !before.includes(line));
    expect(changed.map((line) => line.trim().split(' ')[0])).toEqual(['id-token:', 'refresh-token:']);
    expect(after).toContain(`id-token: ${String(bearer).replace('Bearer ', '')}`);
    expect(after).toContain('refresh-token: one+ # once');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['config']);
  });

  it('of two programs only the first asks, and the second takes what it left', async () => {
    write(tokenFor('me', -HOUR_S), 'one');
    const [first, second] = [credentialsOf(), credentialsOf()];
    expect(await Promise.all([bearerOf(first), bearerOf(second)])).toHaveLength(2);
    expect(taken).toEqual(['one']);
  });

  it.each([
    ['refuses', () => write(tokenFor('me', -1), 'used'), /does not renew the token: Token is not active$/],
    ['is given no refresh token', () => write(tokenFor('me', -1), undefined), /there is no refresh token$/],
  ])('is told why there is none when the issuer %s', async (_what, prepare, why) => {
    isGood = () => false;
    prepare();
    const before = readFileSync(file, 'utf8');
    await expect(credentialsOf().options()).rejects.toMatchObject({ code: 'F312', detail: expect.stringMatching(why) });
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  it('is told when the issuer is not there', async () => {
    write(tokenFor('me', -1), 'one');
    const text = readFileSync(file, 'utf8').replace(issuer, 'https://localhost:9');
    writeFileSync(file, text);
    await expect(credentialsOf().options()).rejects.toMatchObject({
      code: 'F312',
      detail: expect.stringMatching(/the issuer https:\/\/localhost:9 does not answer as one: .*ECONNREFUSED/),
    });
  });

  it('does not spend the refresh token when another program has the file', async () => {
    write(tokenFor('me', -1), 'one');
    writeFileSync(`${file}.lock`, '');
    await expect(inFakeTime(() => credentialsOf().options())).rejects.toMatchObject({
      code: 'F312',
      detail: expect.stringContaining('config.lock is there'),
    });
    expect(taken).toEqual([]);
  });
});

import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type https from 'node:https';
import { type AddressInfo, createServer as createSilentServer } from 'node:net';
import path from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { failureCode } from '../../../src/domain/errors.ts';
import type { WatchEvent } from '../../../src/kube/api-client.ts';
import type { Cluster } from '../../../src/kube/connect.ts';
import { createCredentials } from '../../../src/kube/credentials.ts';
import { createHttpClient } from '../../../src/kube/http-client.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { withoutUserInfo } from '../../../src/kube/server-address.ts';
import { connectLocal } from '../../fakes/exec-server.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { LOCALHOST } from '../../fixtures/localhost-tls.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let server: Server;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let seen: IncomingMessage[];
let cluster: Cluster;

beforeEach(async () => {
  seen = [];
  server = createServer((request, response) => {
    seen.push(request);
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cluster = connectLocal(server);
});
afterEach(async () => {
  cluster.close();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

const json = (response: ServerResponse, body: unknown, code = 200): void => {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};
const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', namespace: 'default', resourceVersion: '5' } };
const getPod = (): Promise<unknown> => cluster.reader.get(RESOURCES.pod, 'a', { namespace: 'default' });
const codeOf = async (act: Promise<unknown>): Promise<unknown> =>
  failureCode(await act.catch((error: unknown) => error));

describe('requests', () => {
  it('keep objects as they are, unknown fields and times included', async () => {
    const strange = {
      ...pod,
      spec: { containers: [], newField: { x: 1 } },
      status: { startTime: '2026-01-01T00:00:00Z' },
    };
    answer = (_request, response) => json(response, strange);
    expect(await getPod()).toEqual(strange);
  });

  it('use one connection again and again', async () => {
    const ports = new Set<number | undefined>();
    answer = (request, response) => {
      ports.add(request.socket.remotePort);
      json(response, pod);
    };
    for (let count = 0; count < 5; count += 1) await getPod();
    expect(ports.size).toBe(1);
  });

  it.each([
    ['no answer', (): void => undefined],
    ['an answer that does not end', (response: ServerResponse): void => void response.write('{')],
  ])('end in time with %s', async (_name, act) => {
    answer = (_request, response) => act(response);
    cluster.close();
    cluster = connectLocal(server, { requestTimeoutMs: 300 });
    expect(await codeOf(getPod())).toBe('F311');
  });

  it('end when they are told to', async () => {
    const controller = new AbortController();
    answer = () => controller.abort();
    const signal = controller.signal;
    expect(await codeOf(cluster.reader.list(RESOURCES.pod, { signal }))).toBe('F306');
  });

  it.each([
    ['a page of somebody in between', 200, '<html>login secret</html>', 'F310'],
    ['another document', 200, '{"secret": 1}', 'F310'],
    ['a refusal without a status', 403, '<html>secret</html>', 'F313'],
  ])('do not show %s', async (_name, code, body, failure) => {
    answer = (_request, response) => response.writeHead(code).end(body);
    const error = await getPod().catch((thrown: unknown) => thrown);
    expect(failureCode(error)).toBe(failure);
    expect(JSON.stringify(error)).not.toContain('secret');
  });

  it('say in one sentence that nobody listens', async () => {
    const closed = createServer();
    closed.listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const other = connectLocal(closed, { clock: new FakeClock({ auto: true }) });
    closed.close();
    await once(closed, 'close');
    await expect(other.reader.whoAmI()).rejects.toMatchObject({
      code: 'F310',
      detail: expect.stringContaining('refused'),
    });
  });
});

describe('a request that is told to end', () => {
  const reason = new Error('told to end');
  const write = { method: 'POST', path: '/api/v1/pods', body: pod } as const;

  /** Tells a write to end as soon as the server has it; `answered` is what the server does then. */
  async function told(lingerMs: number | undefined, answered: (response: ServerResponse) => void) {
    const controller = new AbortController();
    answer = (_request, response) => {
      controller.abort(reason);
      answered(response);
    };
    const { signal } = controller;
    return cluster.api.request({ ...write, signal, ...(lingerMs !== undefined && { lingerMs }) });
  }

  it('ends at once', async () => {
    await expect(told(undefined, () => undefined)).rejects.toBe(reason);
  });

  it('is answered all the same when it lingers', async () => {
    expect(await told(5000, (response) => void setTimeout(() => json(response, pod), 50))).toEqual(pod);
  });

  it('lingers no longer than that, for the answer and for the whole of it', async () => {
    for (const act of [() => undefined, (response: ServerResponse) => void response.write('{')])
      await expect(told(100, act)).rejects.toMatchObject({ info: { kind: 'timeout', ms: 100, sent: true } });
  });

  it('is not sent once more when its credentials are refused meanwhile', async () => {
    await expect(told(5000, (response) => json(response, { message: 'expired' }, 401))).rejects.toBe(reason);
    expect(seen).toHaveLength(1);
  });

  it('is not sent when its credentials come later, nor on a connection that does', async () => {
    const credentials = createCredentials({
      ...{ name: 'east', namespace: 'default', user: {} },
      cluster: { server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    });
    const go = Promise.withResolvers<void>();
    const late = { ...credentials, options: () => go.promise.then(() => credentials.options()) };
    onTestFinished(() => credentials.close());
    const client = createHttpClient({ side: 'source', context: 'east', credentials: late, requestTimeoutMs: 1000 });
    const controller = new AbortController();
    const asked = client.request({ ...write, lingerMs: 5000, signal: controller.signal });
    controller.abort(reason);
    await expect(asked).rejects.toBe(reason);
    go.resolve();
    const connecting = new AbortController();
    const begun = cluster.api.request({ ...write, lingerMs: 5000, signal: connecting.signal });
    process.nextTick(() => connecting.abort(reason));
    await expect(begun).rejects.toBe(reason);
    answer = (_request, response) => json(response, pod);
    await getPod();
    expect(seen.map(({ method }) => method)).toEqual(['GET']);
  });
});

describe('a connection that never comes to be', () => {
  /** Somebody who takes connections, and says nothing. */
  async function silent(): Promise<string> {
    const listening = createSilentServer();
    listening.listen(0, '127.0.0.1');
    await once(listening, 'listening');
    onTestFinished(() => void listening.close());
    return `127.0.0.1:${(listening.address() as AddressInfo).port}`;
  }

  const clientOf = (entry: { readonly server: string; readonly 'proxy-url'?: string }) => {
    const credentials = createCredentials({ name: 'east', namespace: 'default', user: {}, cluster: entry });
    onTestFinished(() => credentials.close());
    return createHttpClient({ side: 'source', context: 'east', credentials, requestTimeoutMs: 300 });
  };

  describe.each<[string, () => Promise<Parameters<typeof clientOf>[0]>]>([
    ['in a TLS handshake', async () => ({ server: `https://${await silent()}` })],
    ['at a proxy', async () => ({ server: 'https://192.0.2.1', 'proxy-url': `http://${await silent()}` })],
    ['at a SOCKS proxy', async () => ({ server: 'https://192.0.2.1', 'proxy-url': `socks5://${await silent()}` })],
  ])('%s', (_where, entry) => {
    const write = { method: 'POST', path: '/api/v1/pods', body: pod, lingerMs: 60_000 } as const;

    it('ends a write when it is told to: nothing was sent', async () => {
      const controller = new AbortController();
      const asked = clientOf(await entry()).request({ ...write, signal: controller.signal });
      setTimeout(() => controller.abort('told to end'), 100);
      await expect(asked).rejects.toBe('told to end');
    });

    it('ends it in time, and says that nothing was sent', async () => {
      const asked = clientOf(await entry()).request(write);
      await expect(asked).rejects.toMatchObject({ info: { kind: 'timeout', ms: 300, sent: false } });
    });
  });
});

describe('watches', () => {
  const watch = async (signal?: AbortSignal): Promise<WatchEvent[]> => {
    const events: WatchEvent[] = [];
    const request = { method: 'GET', path: '/api/v1/pods', query: { watch: 'true' }, signal } as const;
    for await (const event of cluster.api.watch(request)) events.push(event);
    return events;
  };

  it('yield events that come in pieces', async () => {
    const lines = `${JSON.stringify({ type: 'ADDED', object: pod })}\n${JSON.stringify({ type: 'DELETED', object: pod })}\n`;
    answer = (_request, response) => {
      response.write(lines.slice(0, 20));
      setImmediate(() => response.end(lines.slice(20)));
    };
    expect((await watch()).map((event) => event.type)).toEqual(['ADDED', 'DELETED']);
  });

  it('end with the connection, as a failure that may pass', async () => {
    answer = (_request, response) => {
      response.write('\n');
      setImmediate(() => response.destroy());
    };
    await expect(watch()).rejects.toMatchObject({ info: { kind: 'transport', code: 'ECONNRESET' } });
  });
});

describe('credentials', () => {
  it('that were refused are fetched anew, once, also for writes', async () => {
    answer = (_request, response) => json(response, { message: 'expired' }, seen.length === 1 ? 401 : 200);
    await cluster.api.request({ method: 'POST', path: '/api/v1/pods', body: pod });
    expect(seen).toHaveLength(2);
    answer = (_request, response) => json(response, { message: 'expired' }, 401);
    expect(await codeOf(getPod())).toBe('F312');
    expect(seen).toHaveLength(4);
  });

  const credentialsOf = (user: Record<string, unknown>) =>
    createCredentials({
      name: 'east',
      namespace: 'default',
      cluster: { server: 'https://east.example' },
      user: user as Parameters<typeof createCredentials>[0]['user'],
    });

  it('come from a token file', async () => {
    const folder = temporaryFolder();
    const tokenFile = path.join(folder, 'token');
    writeFileSync(tokenFile, 'from-file\n');
    const options = await credentialsOf({ tokenFile }).options();
    expect(options.headers).toMatchObject({ Authorization: 'Bearer from-file' });
  });

  it('come from a plugin, which is told how it is called', async () => {
    const script = `const info = JSON.parse(process.env.KUBERNETES_EXEC_INFO);
      process.stdout.write(JSON.stringify({ status: { token: [info.kind, info.spec.cluster.server].join('-') } }));`;
    const exec = { command: process.execPath, args: ['-e', script], provideClusterInfo: true };
    const options = await credentialsOf({ exec }).options();
    expect(options.headers).toMatchObject({ Authorization: 'Bearer ExecCredential-https://east.example' });
  });

  const pluginThat = (script: string) => ({ command: process.execPath, args: ['-e', script] });
  const printing = (credential: unknown) =>
    pluginThat(`process.stdout.write(${JSON.stringify(JSON.stringify(credential))})`);

  it.each<[string, { command: string; args?: string[] }, RegExp]>([
    ['fails', pluginThat('console.error("token hunter2 refused"); process.exit(3)'), /it ended with exit status 3$/],
    ['is ended', pluginThat('process.kill(process.pid, "SIGKILL")'), /it was ended by SIGKILL$/],
    ['prints its token alone', pluginThat('console.log("hunter2")'), /there is no ExecCredential in its output$/],
    [
      'stops in the middle',
      pluginThat(`console.log('{"status":{"token":"hunter2"')`),
      /there is no ExecCredential in its output$/,
    ],
    ['prints something else', printing({ token: 'hunter2' }), /there is no ExecCredential in its output$/],
    [
      'prints no end',
      pluginThat('for (;;) require("fs").writeSync(1, "hunter2 ".repeat(9000))'),
      /its output is too long/,
    ],
    ['is not there', { command: '/nonexistent/plugin' }, /it cannot be started \(ENOENT\)$/],
  ])('of a plugin that %s say which one, and nothing that it has printed', async (_what, exec, why) => {
    const failed = credentialsOf({ exec }).options();
    await expect(failed).rejects.toMatchObject({
      code: 'F312',
      detail: expect.stringMatching(`context 'east': the credential plugin ${exec.command} failed: ${why.source}`),
    });
    await expect(failed).rejects.not.toMatchObject({ detail: expect.stringContaining('hunter2') });
  });

  it('of a plugin are asked for again when they have expired, or were refused', async () => {
    const folder = temporaryFolder();
    const count = path.join(folder, 'count');
    const script = `const fs = require('fs'); fs.appendFileSync(${JSON.stringify(count)}, 'x');
      const token = String(fs.readFileSync(${JSON.stringify(count)}).length);
      console.log(JSON.stringify({ status: { token, expirationTimestamp: process.env.UNTIL } }));`;
    const exec = (year: string) => ({
      ...pluginThat(script),
      env: [{ name: 'UNTIL', value: `${year}-01-01T00:00:00Z` }],
    });
    const tokenOf = async (credentials: ReturnType<typeof createCredentials>) =>
      (await credentials.options()).headers['Authorization'];
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const lasting = credentialsOf({ exec: exec('2999') });
    expect(await tokenOf(lasting)).toBe('Bearer 1');
    vi.advanceTimersByTime(60_000);
    expect(await tokenOf(lasting)).toBe('Bearer 1');
    lasting.renew();
    expect(await tokenOf(lasting)).toBe('Bearer 2');
    const over = credentialsOf({ exec: exec('2001') });
    expect(await tokenOf(over)).toBe('Bearer 3');
    vi.advanceTimersByTime(60_000);
    expect(await tokenOf(over)).toBe('Bearer 4');
  });

  describe('of a plugin that does not end', () => {
    /** Yields a token that is over at once as often as `times` says, and from then on nothing. Notes its process ids. */
    const hanging = (times: number) => {
      const file = path.join(temporaryFolder(), 'started');
      const script = `const fs = require('fs'); fs.appendFileSync(${JSON.stringify(file)}, process.pid + '\\n');
        const started = fs.readFileSync(${JSON.stringify(file)}, 'utf8').trim().split('\\n').length;
        const status = { token: 'short', expirationTimestamp: '2001-01-01T00:00:00Z' };
        if (started > ${times}) setInterval(() => undefined, 1000);
        else console.log(JSON.stringify({ status }));`;
      const credentials = credentialsOf({ exec: pluginThat(script) });
      onTestFinished(() => credentials.close());
      const client = createHttpClient({ side: 'source', context: 'east', credentials, requestTimeoutMs: 100 });
      const started = () =>
        readFileSync(file, { encoding: 'utf8', flag: 'a+' })
          .split('\n')
          .filter((line) => line !== '')
          .map(Number);
      return { credentials, client, started };
    };
    const isAlive = (pid: number | undefined): boolean => {
      try {
        return process.kill(pid ?? 0, 0);
      } catch {
        return false;
      }
    };
    const execRequest = { namespace: 'shop', pod: 'cart-0', container: 'app', command: ['true'] };
    type Client = ReturnType<typeof createHttpClient>;

    it.each<[string, (client: Client, signal?: AbortSignal) => Promise<unknown>]>([
      ['a request', (client, signal) => client.request({ method: 'GET', path: '/api', signal })],
      ['a command', (client, signal) => client.exec({ ...execRequest, ...(signal && { signal }) })],
    ])('hold up %s no longer than it may take, and is not started once more', async (_what, ask) => {
      const { credentials, client, started } = hanging(1);
      await credentials.options();
      credentials.renew();
      const late = { kind: 'transport', code: 'CREDENTIALS_LATE', sent: false };
      for (let tries = 0; tries < 3; tries++) {
        await expect(ask(client)).rejects.toMatchObject({
          info: { ...late, message: `the credential plugin ${process.execPath} did not answer within 100 ms` },
        });
      }
      const given = new AbortController();
      setTimeout(() => given.abort('given up'), 10);
      await expect(ask(client, given.signal)).rejects.toBe('given up');
      await expect.poll(started).toHaveLength(2);
    });

    it('are waited for the first time, as long as nobody gives up: somebody may be logging in', async () => {
      const { client } = hanging(0);
      const given = new AbortController();
      const asked = client.request({ method: 'GET', path: '/api', signal: given.signal });
      const first = await Promise.race([asked.catch(() => 'ended'), new Promise((go) => setTimeout(go, 400, 'waits'))]);
      expect(first).toBe('waits');
      given.abort('given up');
      await expect(asked).rejects.toBe('given up');
    });

    it('fail after five minutes, and so does the plugin', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      onTestFinished(() => void vi.useRealTimers());
      const { credentials, started } = hanging(0);
      const failed = expect(credentials.options()).rejects.toMatchObject({
        code: 'F312',
        detail: expect.stringMatching(/the credential plugin .* failed: it did not end within 300 s$/),
      });
      await expect.poll(started).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(300_000);
      await failed;
      await expect.poll(() => isAlive(started()[0])).toBe(false);
    });

    it('keep no command from ending', async () => {
      const { credentials, started } = hanging(0);
      const failed = expect(credentials.options()).rejects.toMatchObject({ code: 'F312' });
      await expect.poll(started).toHaveLength(1);
      credentials.close();
      await failed;
      await expect.poll(() => isAlive(started()[0])).toBe(false);
    });
  });

  it('of a plugin may be a certificate', async () => {
    const { cert: certificate, key } = LOCALHOST;
    const exec = printing({ status: { clientCertificateData: certificate, clientKeyData: key } });
    const { agent } = await credentialsOf({ exec }).options();
    expect((agent as https.Agent).options).toMatchObject({ cert: Buffer.from(certificate), key: Buffer.from(key) });
  });

  it('in the address of a server log in as with kubectl, and nobody is shown them', async () => {
    answer = (request, response) => json(response, { message: 'no' }, request.url === '/version' ? 200 : 403);
    const { port } = server.address() as AddressInfo;
    const urls: string[] = [];
    const credentials = createCredentials({
      ...{ name: 'east', namespace: 'default', user: {} },
      cluster: { server: `http://admin:hunter%202@127.0.0.1:${port}/` },
    });
    const client = createHttpClient({
      ...{ side: 'source' as const, context: 'east', credentials, requestTimeoutMs: 1000 },
      onRequest: ({ url }) => urls.push(url),
    });
    expect(client.server).toBe(`http://127.0.0.1:${port}`);
    await client.request({ method: 'GET', path: '/version' });
    expect(seen[0]?.headers.authorization).toBe(`Basic ${Buffer.from('admin:hunter 2').toString('base64')}`);
    expect(urls).toEqual([`http://127.0.0.1:${port}/version`]);
  });

  it.each(['https:me:secret@host', ' https://me:secret@host', 'https:/me:secret@host', 'https:\\\\me:secret@host'])(
    'are told apart from an address wherever whoever connects finds them: %s',
    (address) => {
      expect(withoutUserInfo(address)).toEqual({ address: 'https://host', auth: 'me:secret' });
    },
  );

  it('in an address that is no URL are not shown either', () => {
    expect(withoutUserInfo('https://admin:hunter2@ho st')).toEqual({ address: '' });

    const of = (address: string) => () =>
      createCredentials({ name: 'east', namespace: 'default', cluster: { server: address }, user: {} });
    for (const address of [
      'https://admin:hunter2@ho st',
      'https://admin:hun/ter2@host:x',
      'http://admin:hunter2@far.example',
    ]) {
      expect(of(address)).toThrow(expect.objectContaining({ code: 'F302', detail: expect.not.stringMatching(/hun/) }));
    }
  });
});

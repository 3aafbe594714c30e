import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { connectCluster } from '../../../src/kube/connect.ts';
import type { Kubeconfig } from '../../../src/kube/kubeconfig.ts';
import { proxyFor } from '../../../src/kube/proxy.ts';

const HTTPS_PROXY = 'http://proxy.example:3128';
const EAST = 'https://10.98.0.11:6443';

describe('the proxy that the environment names', () => {
  it.each<[string, string, Record<string, string>, string | undefined]>([
    ['none', EAST, {}, undefined],
    ['one', EAST, { HTTPS_PROXY }, HTTPS_PROXY],
    ['one in lower case', EAST, { https_proxy: HTTPS_PROXY }, HTTPS_PROXY],
    ['one without a scheme', EAST, { HTTPS_PROXY: 'proxy.example:3128' }, HTTPS_PROXY],
    ['one for http only', EAST, { HTTP_PROXY: HTTPS_PROXY }, undefined],
    ['one, but for this machine', 'https://127.0.0.1:6443', { HTTPS_PROXY }, undefined],
    ['one, but for plain http', 'http://10.98.0.11:8080', { HTTPS_PROXY }, undefined],
    ['one, and nothing by it', EAST, { HTTPS_PROXY, NO_PROXY: '*' }, undefined],
    ['one, but for that address', EAST, { HTTPS_PROXY, NO_PROXY: 'other, 10.98.0.11' }, undefined],
    ['one, but for that range', EAST, { HTTPS_PROXY, no_proxy: '10.0.0.0/8' }, undefined],
    ['one, but for another range', EAST, { HTTPS_PROXY, NO_PROXY: '10.99.0.0/16,10.98.0.1' }, HTTPS_PROXY],
    ['one, but for a range that is none', EAST, { HTTPS_PROXY, NO_PROXY: '10.0.0.0/99' }, HTTPS_PROXY],
    ['one, but for a range of IPv6', 'https://[fd00::1]:6443', { HTTPS_PROXY, NO_PROXY: 'fd00::/8' }, undefined],
    ['one, but for the domain', 'https://api.east.example', { HTTPS_PROXY, NO_PROXY: 'east.example' }, undefined],
    ['one, but for what is below', 'https://api.east.example', { HTTPS_PROXY, NO_PROXY: '.east.example' }, undefined],
    [
      'one, but for another domain',
      'https://api.northeast.example',
      { HTTPS_PROXY, NO_PROXY: 'east.example' },
      HTTPS_PROXY,
    ],
    ['one, but for that port', 'https://api.example:6443', { HTTPS_PROXY, NO_PROXY: 'api.example:6443' }, undefined],
    [
      'one, but for another port',
      'https://api.example:443',
      { HTTPS_PROXY, NO_PROXY: 'api.example:6443' },
      HTTPS_PROXY,
    ],
  ])('%s', (_what, server, env, proxy) => {
    expect(proxyFor(server, env)).toBe(proxy);
  });
});

function kubeconfigOf(east: { readonly server: string }): Kubeconfig {
  return {
    files: ['test'],
    currentContext: 'east',
    contexts: new Map([['east', { cluster: 'east', user: 'me' }]]),
    clusters: new Map([['east', east]]),
    users: new Map([['me', {}]]),
    userFiles: new Map(),
  };
}

describe('a cluster', () => {
  it.each([
    ['by the proxy of the environment', {}, 'environment'],
    ['by the proxy of its own entry, which counts more', { 'proxy-url': 'own' }, 'own'],
  ])('is reached %s', async (_how, entry, through) => {
    const asked: string[] = [];
    const proxies = await Promise.all(
      ['environment', 'own'].map((name) => proxy((url) => asked.push(`${name} ${url}`))),
    );
    const [environment, own] = proxies.map(({ url }) => url);
    const server = { server: 'https://east.example:6443', ...('proxy-url' in entry && { 'proxy-url': own }) };
    const cluster = connectCluster({
      kubeconfig: kubeconfigOf(server),
      side: 'source',
      env: { HTTPS_PROXY: environment },
    });
    await expect(cluster.reader.whoAmI()).rejects.toMatchObject({ code: 'F310' });
    cluster.close();
    for (const { close } of proxies) close();
    expect(new Set(asked)).toEqual(new Set([`${through} east.example:6443`]));
  });
});

it('a proxy that is not there is what cannot be reached, and not the cluster', async () => {
  const gone = await proxy(() => undefined);
  gone.close();
  const cluster = connectCluster({
    kubeconfig: kubeconfigOf({ server: 'https://east.example:6443' }),
    side: 'source',
    env: { HTTPS_PROXY: gone.url.replace('//', '//me:secret@') },
  });
  const failure = await cluster.reader.whoAmI().catch((error: unknown) => error);
  cluster.close();
  expect(failure).toMatchObject({
    code: 'F310',
    detail: expect.stringContaining(`the proxy ${gone.url} cannot be reached (ECONNREFUSED)`),
    remedy: expect.stringContaining('HTTPS_PROXY'),
  });
});

/** Writes down what it is asked for, and leads nowhere. */
async function proxy(seen: (url: string) => void) {
  const server = createServer();
  server.on('connect', ({ url = '' }, socket) => {
    seen(url);
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() };
}

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectCluster } from '../../../src/kube/connect.ts';
import type { Kubeconfig, SelectedContext, UserEntry } from '../../../src/kube/kubeconfig.ts';
import { type ContextOverrides, overrideContext } from '../../../src/kube/overrides.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';

const selected: SelectedContext = {
  name: 'east',
  namespace: 'shop',
  cluster: { server: 'https://east:6443', 'certificate-authority': '/ca.crt', 'certificate-authority-data': 'CA' },
  user: { 'client-certificate': '/me.crt', 'client-key': '/me.key', as: 'somebody' },
};

describe('flags laid over a context', () => {
  it('change nothing when there are none', () => {
    expect(overrideContext(selected, {})).toEqual(selected);
  });

  it('a token takes the place of every other credential, and leaves whom it acts as', () => {
    expect(overrideContext(selected, { token: 't' }).user).toEqual({ token: 't', as: 'somebody' });
  });

  it('--insecure-skip-tls-verify takes the place of the authority, as in kubectl', () => {
    expect(overrideContext(selected, { insecure: true }).cluster).toEqual({
      server: 'https://east:6443',
      'insecure-skip-tls-verify': true,
    });
  });

  it('a file takes the place of what is written into the kubeconfig', () => {
    const { cluster } = overrideContext(selected, { certificateAuthority: '/other.crt', tlsServerName: 'api' });
    expect(cluster).toMatchObject({ 'certificate-authority': '/other.crt', 'tls-server-name': 'api' });
    expect(cluster).not.toHaveProperty('certificate-authority-data');
  });

  it.each<ContextOverrides>([{ asGroups: ['admins'] }, { asUid: '42' }])('%j needs a user to act as', (flags) => {
    const nobody = { ...selected, user: {} };
    expect(() => overrideContext(nobody, flags)).toThrow(expect.objectContaining({ code: 'F302' }));
    expect(overrideContext(selected, flags).user).toMatchObject({ as: 'somebody' });
  });
});

describe('who a request is made as', () => {
  let server: Server;
  let seen: IncomingMessage[];
  beforeEach(async () => {
    seen = [];
    server = createServer((request, response) => {
      seen.push(request);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"metadata":{"name":"a"}}');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  async function headersOf(user: UserEntry, overrides: ContextOverrides): Promise<IncomingMessage['headersDistinct']> {
    const { port } = server.address() as AddressInfo;
    const kubeconfig: Kubeconfig = {
      files: ['test'],
      currentContext: 'local',
      contexts: new Map([['local', { cluster: 'local', user: 'local' }]]),
      clusters: new Map([['local', { server: `http://127.0.0.1:${port}` }]]),
      users: new Map([['local', user]]),
      userFiles: new Map(),
    };
    const cluster = connectCluster({ kubeconfig, side: 'source', overrides });
    await cluster.reader.get(RESOURCES.pod, 'a', { namespace: 'default' });
    cluster.close();
    return seen[0]?.headersDistinct ?? {};
  }

  it('comes from --as, every --as-group and --as-uid', async () => {
    const headers = await headersOf({}, { as: 'deployer', asGroups: ['ops', 'movers'], asUid: 'u-1' });
    expect(headers['impersonate-user']).toEqual(['deployer']);
    expect(headers['impersonate-group']).toEqual(['ops', 'movers']);
    expect(headers['impersonate-uid']).toEqual(['u-1']);
  });

  it('comes from the kubeconfig where no flag says otherwise', async () => {
    const headers = await headersOf({ as: 'robot', 'as-groups': ['bots'] }, { as: 'deployer' });
    expect(headers['impersonate-user']).toEqual(['deployer']);
    expect(headers['impersonate-group']).toEqual(['bots']);
  });
});

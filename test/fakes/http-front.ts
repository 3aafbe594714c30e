import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ApiClient, ApiFailure, type ApiRequest } from '../../src/kube/api-client.ts';

/** A cluster that answers on a port of this machine: requests in JSON, no watches and no streams. */
export interface Front {
  readonly url: string;
  close(): Promise<void>;
}

/** Puts an HTTP server before a client of a fake cluster, for programs that bring their own connections. */
export async function serveCluster(api: ApiClient): Promise<Front> {
  const server = http.createServer(async (incoming, answer) => {
    const url = new URL(incoming.url ?? '/', 'http://cluster');
    let text = '';
    for await (const chunk of incoming) text += String(chunk);
    try {
      const result = await api.request({
        method: incoming.method as ApiRequest['method'],
        path: url.pathname,
        query: Object.fromEntries(url.searchParams),
        ...(text && { body: JSON.parse(text) }),
        contentType: incoming.headers['content-type'] ?? 'application/json',
      });
      answer.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result));
    } catch (error) {
      const status = statusOf(error);
      answer.writeHead(status.code, { 'content-type': 'application/json' }).end(JSON.stringify(status));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function statusOf(error: unknown) {
  const known = error instanceof ApiFailure && error.info.kind === 'status' ? error.info.status : undefined;
  const { code = 500, reason = 'InternalError', message = String(error) } = known ?? {};
  return { apiVersion: 'v1', kind: 'Status', status: 'Failure', code, reason, message };
}

import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { type ApiClient, ApiFailure, type ApiRequest } from '../../src/kube/api-client.ts';

/** A cluster that answers on a port of this machine: requests in JSON, no watches and no streams. */
export interface Front {
  readonly url: string;
  /** What the requests had to show, each once. */
  readonly authorizations: ReadonlySet<string>;
  close(): Promise<void>;
}

/**
 * Puts an HTTP server before a client of a fake cluster, for programs that bring their own connections. `tls`: a key and a
 * certificate for `localhost`; without them it is plain HTTP.
 */
export async function serveCluster(
  api: ApiClient,
  tls?: { readonly key: string; readonly cert: string },
): Promise<Front> {
  const authorizations = new Set<string>();
  const serve: http.RequestListener = async (incoming, answer) => {
    if (incoming.headers.authorization) authorizations.add(incoming.headers.authorization);
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
  };
  const server = tls ? https.createServer(tls, serve) : http.createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`,
    authorizations,
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

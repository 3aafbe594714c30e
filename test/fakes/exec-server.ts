import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Cluster, type ConnectOptions, connectCluster } from '../../src/kube/connect.ts';
import type { Kubeconfig } from '../../src/kube/kubeconfig.ts';

/** The API server's end of an exec: real sockets, Kubernetes' channel protocol. */
export interface ExecPeer {
  readonly socket: WebSocket;
  readonly url: URL;
  /** Sends a message on a channel; resolves when the socket took it. */
  send(channel: number, data: Buffer | string): Promise<void>;
  /** Sends the final status: 0 is success. */
  exit(code: number): Promise<void>;
}

export interface ExecServer {
  readonly server: Server;
  /** A cluster whose API server this is. */
  connect(options?: Pick<ConnectOptions, 'requestTimeoutMs'>): Cluster;
  close(): Promise<void>;
}

/** Listens on a free port of this machine, and lets `serve` play the container. */
export async function startExecServer(
  serve: (peer: ExecPeer) => void,
  protocols: readonly string[] = ['v5.channel.k8s.io', 'v4.channel.k8s.io'],
): Promise<ExecServer> {
  const server = createServer();
  const sockets = new WebSocketServer({
    server,
    handleProtocols: (offered) => protocols.find((each) => offered.has(each)) ?? false,
  });
  sockets.on('connection', (socket, request) => {
    socket.on('error', () => undefined);
    const send = (channel: number, data: Buffer | string): Promise<void> =>
      new Promise((resolve, reject) => {
        const frame = Buffer.concat([Buffer.from([channel]), Buffer.from(data)]);
        socket.send(frame, (error) => (error ? reject(error) : resolve()));
      });
    const url = new URL(request.url ?? '/', 'http://localhost');
    serve({ socket, url, send, exit: (code) => send(3, JSON.stringify(statusOf(code))) });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    server,
    connect: (options) => connectLocal(server, options),
    close: async () => {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A cluster on a local HTTP server. */
export function connectLocal(
  server: Server,
  options: Pick<ConnectOptions, 'requestTimeoutMs' | 'clock'> = {},
): Cluster {
  const { port } = server.address() as AddressInfo;
  const kubeconfig: Kubeconfig = {
    files: ['test'],
    currentContext: 'local',
    contexts: new Map([['local', { cluster: 'local', user: 'local' }]]),
    clusters: new Map([['local', { server: `http://127.0.0.1:${port}` }]]),
    users: new Map([['local', {}]]),
    userFiles: new Map(),
  };
  return connectCluster({ kubeconfig, side: 'source', ...options });
}

function statusOf(code: number): object {
  if (code === 0) return { metadata: {}, status: 'Success' };
  const causes = [{ reason: 'ExitCode', message: String(code) }];
  return { metadata: {}, status: 'Failure', reason: 'NonZeroExitCode', details: { causes } };
}

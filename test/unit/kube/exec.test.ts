import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { failureCode, isMigrateError } from '../../../src/domain/errors.ts';
import type { ExecStream } from '../../../src/kube/ports.ts';
import { type ExecPeer, type ExecServer, startExecServer } from '../../fakes/exec-server.ts';

const request = { namespace: 'shop', pod: 'cart-0', container: 'main', command: ['sh', '-c', 'a & b'] };
const MIB = 1024 * 1024;

let server: ExecServer | undefined;
afterEach(async () => {
  vi.useRealTimers();
  await server?.close();
  server = undefined;
});

async function exec(serve: (peer: ExecPeer) => void, protocols?: readonly string[]): Promise<ExecStream> {
  server = await startExecServer(serve, protocols);
  return await server.connect().api.exec(request);
}

/** Waits until a number that other ends of sockets change has stopped changing. */
async function whenStill(read: () => number): Promise<number> {
  let last = -1;
  while (last !== read()) {
    last = read();
    await delay(100);
  }
  return last;
}

async function textOf(stream: ExecStream): Promise<string> {
  let text = '';
  for await (const chunk of stream.stdout) text += String(chunk);
  return text;
}

describe('the channel protocol', () => {
  it('asks for the command with its arguments as they are', async () => {
    let url: URL | undefined;
    const stream = await exec((peer) => {
      url = peer.url;
      void peer.exit(0);
    });
    expect(await stream.exit).toBe(0);
    expect(url?.pathname).toBe('/api/v1/namespaces/shop/pods/cart-0/exec');
    expect(url?.searchParams.getAll('command')).toEqual(['sh', '-c', 'a & b']);
    expect(url?.searchParams.get('container')).toBe('main');
  });

  it('keeps stdout and stderr apart, and the end of a long stderr', async () => {
    const stream = await exec(async (peer) => {
      await peer.send(2, 'x'.repeat(20_000));
      await peer.send(1, 'out');
      await peer.send(2, 'the end');
      await peer.exit(7);
    });
    expect(await textOf(stream)).toBe('out');
    expect(await stream.exit).toBe(7);
    expect(stream.stderr()).toHaveLength(16 * 1024);
    expect(stream.stderr().endsWith('the end')).toBe(true);
  });

  it('ends stdin with a signal of its own under v5', async () => {
    const got: Buffer[] = [];
    const stream = await exec((peer) => {
      peer.socket.on('message', (data: Buffer) => {
        got.push(data);
        if (data[0] === 255) void peer.exit(0);
      });
    });
    stream.stdin.end('hello');
    expect(await stream.exit).toBe(0);
    expect(got).toEqual([Buffer.from('\0hello'), Buffer.from([255, 0])]);
  });

  it('ends the connection with stdin under v4, after all of it', async () => {
    const got: Buffer[] = [];
    const stream = await exec(
      (peer) => peer.socket.on('message', (data: Buffer) => got.push(data)),
      ['v4.channel.k8s.io'],
    );
    stream.stdin.end('hello');
    expect(failureCode(await stream.exit.catch((error: unknown) => error))).toBe('F331');
    expect(got).toEqual([Buffer.from('\0hello')]);
  });

  it('tells a command that could not be started from one that failed', async () => {
    const stream = await exec((peer) => {
      void peer.send(3, JSON.stringify({ status: 'Failure', reason: 'InternalError', message: 'no such file' }));
    });
    const error = await stream.exit.catch((thrown: unknown) => thrown);
    expect(isMigrateError(error) && error).toMatchObject({ code: 'F360', detail: 'pod shop/cart-0: no such file' });
  });
});

describe('a connection that is lost', () => {
  const outcome = async (stream: ExecStream): Promise<unknown> =>
    failureCode(await stream.exit.catch((error: unknown) => error));

  it.each([
    ['broken', (peer: ExecPeer): void => peer.socket.terminate()],
    ['closed without a status', (peer: ExecPeer): void => peer.socket.close(1011, 'gone')],
  ])('%s ends all three with F331', async (_name, end) => {
    const stream = await exec((peer) => {
      void peer.send(1, 'some').then(() => end(peer));
    });
    expect(failureCode(await textOf(stream).catch((error: unknown) => error))).toBe('F331');
    expect(await outcome(stream)).toBe('F331');
    expect(stream.stdin.destroyed).toBe(true);
  });

  it('without a word is noticed by the silence', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] });
    const stream = await exec((peer) => peer.socket.pause());
    vi.advanceTimersByTime(30_000);
    expect(stream.stdin.destroyed).toBe(false);
    vi.advanceTimersByTime(10_000);
    const error = await stream.exit.catch((thrown: unknown) => thrown);
    expect(isMigrateError(error) && error).toMatchObject({ code: 'F331', detail: expect.stringContaining('silent') });
  });

  it('by us ends at once, more than once', async () => {
    const stream = await exec(() => undefined);
    stream.close();
    stream.close();
    expect(await outcome(stream)).toBe('F331');
  });

  it('is ended by the signal of the request', async () => {
    const controller = new AbortController();
    server = await startExecServer(() => undefined);
    const stream = await server.connect().api.exec({ ...request, signal: controller.signal });
    controller.abort();
    expect(await outcome(stream)).toBe('F331');
  });
});

describe('a request that is not taken', () => {
  it('tells the status', async () => {
    server = await startExecServer(() => undefined);
    server.server.removeAllListeners('upgrade');
    server.server.on('upgrade', (_request, socket) => {
      const body = JSON.stringify({
        kind: 'Status',
        message: 'pods "cart-0" not found',
        reason: 'NotFound',
        code: 404,
      });
      socket.end(`HTTP/1.1 404 Not Found\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
    });
    const error = await server
      .connect()
      .api.exec(request)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ info: { status: { code: 404, message: 'pods "cart-0" not found' } } });
  });

  it('does not wait for ever', async () => {
    server = await startExecServer(() => undefined);
    server.server.removeAllListeners('upgrade');
    server.server.on('upgrade', (_request, socket) => socket.on('end', () => socket.destroy()).resume());
    const error = await server
      .connect({ requestTimeoutMs: 50 })
      .api.exec(request)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ info: { kind: 'timeout' } });
  });
});

describe('back-pressure', () => {
  const TOTAL = 192 * MIB;
  const piece = Buffer.alloc(64 * 1024, 'k');

  it('a slow reader of stdout stops the sender, and nothing is lost', async () => {
    let sent = 0;
    const stream = await exec(async (peer) => {
      while (sent < TOTAL) {
        await peer.send(1, piece);
        sent += piece.length;
      }
      await peer.exit(0);
    });
    stream.stdout.once('data', () => stream.stdout.pause());
    expect(await whenStill(() => sent)).toBeLessThan(24 * MIB);
    const hash = createHash('sha256');
    let got = piece.length;
    // The first piece went to the listener above.
    for await (const chunk of stream.stdout) {
      hash.update(chunk);
      got += chunk.length;
    }
    expect(await stream.exit).toBe(0);
    expect(got).toBe(TOTAL);
  });

  it('a peer that does not read stops stdin, and nothing is lost', async () => {
    let got = 0;
    let peerSocket: ExecPeer['socket'] | undefined;
    const stream = await exec((peer) => {
      peerSocket = peer.socket;
      peer.socket.pause();
      peer.socket.on('message', (data: Buffer) => {
        if (data[0] === 0) got += data.length - 1;
        else void peer.exit(0);
      });
    });
    let accepted = 0;
    const writing = (async () => {
      while (accepted < TOTAL) {
        const room = stream.stdin.write(piece);
        accepted += piece.length;
        if (!room) await once(stream.stdin, 'drain');
      }
      stream.stdin.end();
    })();
    expect(await whenStill(() => accepted)).toBeLessThan(24 * MIB);
    peerSocket?.resume();
    await writing;
    expect(await stream.exit).toBe(0);
    expect(got).toBe(TOTAL);
  });
});

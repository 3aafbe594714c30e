import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compiledNative } from '../../../src/helper/image/toolchain.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const directory = temporaryFolder();
const program = path.join(directory, 'join');
const at = path.join(directory, 'socket');
let server: Server;

beforeAll(async () => {
  await compiledNative(['join.c'], program);
  server = createServer({ allowHalfOpen: true }).listen(at);
  await once(server, 'listening');
});
afterAll(() => {
  server.close();
});

async function joined(
  ...firstLine: string[]
): Promise<{ socket: Socket; child: ChildProcess; status: Promise<unknown> }> {
  const connected = once(server, 'connection') as Promise<[Socket]>;
  const child = spawn(program, [at, ...firstLine], { stdio: ['pipe', 'pipe', 'inherit'] });
  const status = once(child, 'exit').then(([code]) => code as unknown);
  return { socket: (await connected)[0], child, status };
}

describe('join', () => {
  it('sends its first line, then stdin and the end of stdin, and still hears the answer', async () => {
    const { socket, child, status } = await joined('{"channel":"move"}');
    child.stdin?.end('and the rest');
    let heard = '';
    socket.on('data', (chunk) => {
      heard += String(chunk);
    });
    await once(socket, 'end');
    expect(heard).toBe('{"channel":"move"}\nand the rest');
    socket.end('the answer');
    expect(await text(child.stdout ?? socket)).toBe('the answer');
    expect(await status).toBe(0);
  });

  it('ends with the socket while stdin is open, with all that came before', async () => {
    const { socket, child, status } = await joined();
    const sent = Buffer.alloc(3_000_000, 'pages');
    socket.end(sent);
    expect((await buffer(child.stdout ?? socket)).equals(sent)).toBe(true);
    expect(await status).toBe(0);
    socket.destroy();
  });

  it('passes back-pressure on: a reader that takes nothing is not sent everything', async () => {
    const { socket, child, status } = await joined();
    let taken = 0;
    const whole = 8_000_000;
    child.stdin?.write(Buffer.alloc(whole));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(child.stdin?.writableLength).toBeGreaterThan(0);
    for await (const chunk of socket) {
      taken += (chunk as Buffer).length;
      if (taken === whole) break;
    }
    expect(taken).toBe(whole);
    expect(await status).toBe(0);
  });

  it('says why there is nobody', async () => {
    const child = spawn(program, [path.join(directory, 'nobody')], { stdio: ['ignore', 'ignore', 'pipe'] });
    expect(await text(child.stderr)).toContain('No such file or directory');
  });
});

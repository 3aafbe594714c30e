import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { failureCode, isMigrateError, MigrateError } from '../../../src/domain/errors.ts';
import type { ExecStream } from '../../../src/kube/ports.ts';
import { type RelayProgress, startRelay } from '../../../src/transfer/relay.ts';
import { settle } from '../../fakes/fake-clock.ts';
import { type Command, runCommand } from '../../fakes/fake-exec.ts';

const run = (command: Command): ExecStream =>
  runCommand({ namespace: 'n', pod: 'p', container: 'c', command: [] }, command);

/** Reads everything, and ends with the given status. */
function sink(code = 0): { stream: ExecStream; bytes: () => number; digest: () => string } {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = run(async (_request, { stdin, stderr }) => {
    for await (const chunk of stdin) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    if (code !== 0) stderr('no space left');
    return code;
  });
  return { stream, bytes: () => bytes, digest: () => hash.digest('hex') };
}

const source = (chunks: readonly string[], code = 0): ExecStream =>
  run(async (_request, { stdout }) => {
    for (const chunk of chunks) if (!stdout.write(chunk)) await once(stdout, 'drain');
    return code;
  });

/** Says nothing until it is closed, and then that it was. */
function silent(): ExecStream {
  const { promise: exit, reject } = Promise.withResolvers<number>();
  return {
    stdin: new PassThrough().on('error', () => undefined),
    stdout: new PassThrough().on('error', () => undefined),
    stderr: () => '',
    exit,
    close: () => reject(new MigrateError('F331', { detail: 'it was closed from here', remedy: 'none' })),
  };
}

describe('relay', () => {
  it('passes everything on, and knows how much and what', async () => {
    const target = sink();
    const relay = startRelay(source(['abc', 'd'.repeat(100_000), 'e']), target.stream);
    const result = await relay.done;
    expect(result).toEqual({ bytes: 100_004, sha256: target.digest() });
    expect(target.bytes()).toBe(100_004);
  });

  it('passes small pieces at once, for as long as the channel is open', async () => {
    let write: (text: string) => void = () => undefined;
    let end: (code: number) => void = () => undefined;
    const sender = run(
      (_request, { stdout }) =>
        new Promise((resolve) => {
          write = (text) => stdout.write(text);
          end = resolve;
        }),
    );
    const target = sink();
    const relay = startRelay(sender, target.stream);
    for (const size of [1, 2, 3]) {
      write('x');
      await settle();
      expect(target.bytes()).toBe(size);
    }
    expect(relay.bytes()).toBe(3);
    end(0);
    expect((await relay.done).bytes).toBe(3);
  });

  it('holds the sender back while the receiver is behind', async () => {
    let sent = 0;
    const sender = run(async (_request, { stdout }) => {
      while (sent < 10_000_000) {
        sent += 10_000;
        if (!stdout.write(Buffer.alloc(10_000))) await once(stdout, 'drain');
      }
      return 0;
    });
    let read: () => void = () => undefined;
    const receiver = run(async (_request, { stdin }) => {
      await new Promise<void>((resolve) => {
        read = resolve;
      });
      for await (const _chunk of stdin);
      return 0;
    });
    const relay = startRelay(sender, receiver);
    await settle();
    expect(sent).toBeLessThan(1_000_000);
    read();
    expect((await relay.done).bytes).toBe(10_000_000);
  });

  it.each([
    ['sending', () => startRelay(source(['a'], 3), sink().stream)],
    ['receiving', () => startRelay(source(['a']), sink(3).stream)],
  ])('fails with the %s end, naming it', async (end, start) => {
    const error = await start().done.catch((thrown: unknown) => thrown);
    expect(isMigrateError(error) && error).toMatchObject({ code: 'F332' });
    expect(isMigrateError(error) && error.detail).toContain(`the ${end} end of the relay ended with 3`);
  });

  it('fails with the first connection that is lost, and closes the other', async () => {
    const lost = run(() => Promise.reject(new Error('cable')));
    const target = sink();
    const error = await startRelay(lost, target.stream).done.catch((thrown: unknown) => thrown);
    expect(isMigrateError(error) && error.code).toBe('F331');
    expect(isMigrateError(error) && error.detail).toContain('cable');
    expect(failureCode(await target.stream.exit.catch((thrown: unknown) => thrown))).toBe('F331');
  });

  it('tells what broke it, and not that it closed both ends then', async () => {
    const sender = silent();
    const relay = startRelay(sender, silent());
    sender.stdout.destroy(new Error('read ECONNRESET'));
    await expect(relay.done).rejects.toMatchObject({ code: 'F331', detail: 'the relay broke: read ECONNRESET' });
  });

  it('reports at most ten times a second, and at the end', async () => {
    let time = 0;
    const reports: RelayProgress[] = [];
    const sender = run(async (_request, { stdout }) => {
      for (let count = 0; count < 100; count += 1) {
        time += 10;
        stdout.write(Buffer.alloc(1000));
        await settle();
      }
      return 0;
    });
    const options = { now: () => time, onProgress: (progress: RelayProgress) => reports.push(progress) };
    await startRelay(sender, sink().stream, options).done;
    expect(reports.length).toBeLessThanOrEqual(11);
    expect(reports.at(-1)?.bytes).toBe(100_000);
    expect(reports[3]?.bytesPerSecond).toBeGreaterThan(90_000);
    expect(reports[3]?.bytesPerSecond).toBeLessThan(120_000);
  });
});

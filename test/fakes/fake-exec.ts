import { PassThrough, type Readable, type Writable } from 'node:stream';
import { MigrateError } from '../../src/domain/errors.ts';
import type { ExecRequest, ExecStream } from '../../src/kube/ports.ts';

/** What a command in a container sees. */
export interface CommandIo {
  readonly stdin: Readable;
  readonly stdout: Writable;
  stderr(text: string): void;
}

/** A command in a container: yields its exit status; throwing means that the connection is lost (F331). */
export type Command = (request: ExecRequest, io: CommandIo) => Promise<number>;

/** Runs a command over streams that hold back their writers as the real ones do. */
export function runCommand(request: ExecRequest, command: Command): ExecStream {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  let stderr = '';
  let close: (error: Error) => void = () => undefined;
  const closed = new Promise<never>((_resolve, reject) => {
    close = reject;
  });
  for (const stream of [stdin, stdout]) stream.on('error', () => undefined);
  const io: CommandIo = {
    stdin,
    stdout,
    stderr: (text) => {
      stderr = (stderr + text).slice(-16 * 1024);
    },
  };
  const ended = async (): Promise<number> => {
    try {
      const code = await Promise.race([command(request, io), closed]);
      stdout.end();
      stdin.destroy();
      return code;
    } catch (cause) {
      const lost = new MigrateError('F331', {
        detail: `connection to pod ${request.namespace}/${request.pod}: ${cause instanceof Error ? cause.message : cause}`,
        remedy: 'this is a fake',
        cause,
      });
      stdout.destroy(lost);
      stdin.destroy(lost);
      throw lost;
    }
  };
  const exit = ended();
  exit.catch(() => undefined);
  request.signal?.addEventListener('abort', () => close(new Error('aborted')), { once: true });
  return { stdin, stdout, stderr: () => stderr, exit, close: () => close(new Error('closed from here')) };
}

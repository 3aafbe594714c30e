import process from 'node:process';
import { MigrateError } from '../src/domain/errors.ts';
import { runCommandLine } from './root.ts';

/** The process border: argv, streams and signals in, exit code out. The only file that touches `process`. */
async function main(): Promise<void> {
  const interrupt = new AbortController();
  const insisted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!interrupt.signal.aborted) {
        interrupt.abort(interrupted(signal));
        return;
      }
      // The second one means now: both clusters are left as they are. Whoever listens has the last word on that.
      insisted.abort();
      process.exit(130);
    });
  }
  // A reader that went away (`| head`, a closed terminal) must not end a move in the middle of it.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  process.exitCode = await runCommandLine(process.argv.slice(2), {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    interrupt: interrupt.signal,
    insisted: insisted.signal,
  });
}

function interrupted(signal: string): MigrateError {
  return new MigrateError('F306', {
    detail: `${signal} received`,
    remedy: 'run the command again when you are ready',
    outcome: 'interrupted',
  });
}

void main();

import process from 'node:process';
import { isatty } from 'node:tty';
import { MigrateError } from '../src/domain/errors.ts';
import { createInterrupts, SIGNALS } from './interrupts.ts';
import { runCommandLine } from './root.ts';

/** The process border: argv, streams and signals in, exit code out. The only file that touches `process`. */
async function main(): Promise<void> {
  const interrupt = new AbortController();
  const insisted = new AbortController();
  const asks = createInterrupts(() => performance.now());
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      const asked = asks(signal);
      if (asked === 'end') interrupt.abort(interrupted(signal));
      if (asked !== 'end-now') return;
      // Both clusters are left as they are. Whoever listens has the last word on that.
      insisted.abort();
      process.exit(130);
    });
  }
  // A reader that went away (`| head`, a lost terminal) must not end a move in the middle of it.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  spareLostTerminal();
  process.exitCode = await runCommandLine(process.argv.slice(2), {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    interrupt: interrupt.signal,
    insisted: insisted.signal,
  });
}

/**
 * A lost terminal takes no settings any more. readline puts them back when a question ends, and an error then reaches nobody
 * who could catch it: it would end the program where it stands.
 */
function spareLostTerminal(): void {
  const { stdin } = process;
  if (!stdin.isTTY) return;
  const setRawMode = stdin.setRawMode.bind(stdin);
  stdin.setRawMode = (raw) => (isatty(stdin.fd) ? setRawMode(raw) : stdin);
}

function interrupted(signal: string): MigrateError {
  return new MigrateError('F306', {
    detail: `${signal} received`,
    remedy: 'run the command again when you are ready',
    outcome: 'interrupted',
  });
}

void main();

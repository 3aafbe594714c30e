import { type ChildProcess, spawn } from 'node:child_process';
import { HelperFailure } from './failure.ts';

/** What a finished program left behind. `status` is 128 + N when a signal ended it. */
export type Finished = { status: number; stdout: string; stderr: string };

const KEPT_BYTES = 1024 * 1024;
const SIGNALS: Partial<Record<NodeJS.Signals, number>> = { SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15, SIGABRT: 6 };

/** Resolves when the program has ended and its output was read. Rejects when it could not be started. */
export function finished(child: ChildProcess, { keepStdout } = { keepStdout: true }): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const out = { stdout: '', stderr: '' };
    if (keepStdout)
      child.stdout?.on('data', (chunk: Buffer) => {
        out.stdout = (out.stdout + chunk.toString()).slice(-KEPT_BYTES);
      });
    child.stderr?.on('data', (chunk: Buffer) => {
      out.stderr = (out.stderr + chunk.toString()).slice(-KEPT_BYTES);
    });
    child.once('error', (error) => reject(new HelperFailure('tool-failed', error.message)));
    child.once('close', (code, signal) => {
      resolve({ status: code ?? 128 + (signal ? (SIGNALS[signal] ?? 0) : 0), ...out });
    });
  });
}

/** Runs a program to its end, whatever its status. `input` goes to its stdin. */
export async function execute(command: string, args: readonly string[], input?: string): Promise<Finished> {
  const child = spawn(command, args, { stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
  // A program that ends without reading its input reports that by its status.
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  return finished(child);
}

/** Runs a program and throws `tool-failed` with what it said unless it ends with 0. Returns its stdout. */
export async function executeOrFail(command: string, args: readonly string[], input?: string): Promise<string> {
  const { status, stdout, stderr } = await execute(command, args, input);
  if (status !== 0) {
    throw new HelperFailure('tool-failed', `${command} ended with ${status}`, (stderr || stdout).slice(-8000));
  }
  return stdout;
}

/** A program that has been started and waits for its input. */
export type Armed = {
  /** Gives it its input and waits for its end. Once only. */
  run(input: string): Promise<Finished>;
  /** As `run`, but for a program that says so on its stdout when it has acted: what it does then is not waited for. */
  fire(input: string): Promise<void>;
  /** Lets it end with no input. Idempotent. */
  disarm(): void;
};

/** Starts a program that acts on its stdin ahead of time, so that its start costs nothing when it matters. */
export function arm(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Armed {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env });
  child.stdin.on('error', () => {});
  const result = finished(child);
  result.catch(() => {});
  const run = (input: string) => {
    child.stdin.end(input);
    return result;
  };
  return {
    run,
    async fire(input) {
      const said = new Promise<void>((resolve) => child.stdout.once('data', () => resolve()));
      const ended = await Promise.race([said, run(input)]);
      if (ended?.stdout !== '') return;
      const { status, stderr } = ended;
      throw new HelperFailure('tool-failed', `${command} ended with ${status}`, stderr.slice(-8000));
    },
    disarm: () => child.stdin.end(),
  };
}

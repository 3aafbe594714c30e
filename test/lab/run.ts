import { spawn } from 'node:child_process';

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Milliseconds after which the program is killed; default 20 minutes. */
  readonly timeout?: number;
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program to its end and returns its exit code and output, whatever the code is (128 plus the signal's
 * place is not computed: a killed program counts as 1).
 * @throws when the program cannot be started at all.
 */
export function tryRun(program: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeout ?? 20 * 60_000,
      killSignal: 'SIGKILL',
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    // A program that ends without reading its input closes the pipe under us; its exit code tells enough.
    child.stdin.on('error', () => {});
    child.on('error', (error) => {
      // Pipes of a program that never was would keep this process alive.
      for (const pipe of child.stdio) pipe?.destroy();
      reject(new Error(`cannot start ${program}: ${error.message}`));
    });
    child.on('close', (code) => {
      resolve({ code: code ?? 1, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
    });
    child.stdin.end(options.input ?? '');
  });
}

/**
 * Runs a program to its end and returns what it wrote to stdout.
 * @throws with the command and the last lines of its output when it ends with another code than 0.
 */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const finished = await tryRun(program, args, options);
  if (finished.code !== 0) {
    const said = (finished.stderr.trim() || finished.stdout.trim()).split('\n').slice(-15).join('\n');
    throw new Error(`${program} ${args.slice(0, 6).join(' ')} ended with ${finished.code}:\n${said}`);
  }
  return finished.stdout;
}

/** Resolves after so many milliseconds. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Thrown by what is asked again and again when asking further is of no use. */
export class Hopeless extends Error {}

/**
 * Asks again and again until the answer is something.
 * @param seconds how long to go on asking.
 * @throws naming what was waited for, and the last error, when the time is over.
 */
export async function until<T>(what: string, seconds: number, ask: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + seconds * 1000;
  let last = '';
  while (Date.now() < end) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      if (error instanceof Hopeless) throw new Error(`${what}: ${error.message}`);
      last = error instanceof Error ? `: ${error.message}` : '';
    }
    await sleep(100);
  }
  throw new Error(`${what}: not within ${seconds} s${last}`);
}

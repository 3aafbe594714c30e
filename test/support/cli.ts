import { Readable, Writable } from 'node:stream';
import { runCommandLine } from '../../cmd/root.ts';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Whoever runs a test may have a kubeconfig, settings and records at home. */
const NOTHING_AT_HOME = {
  KUBECONFIG: '/nonexistent/kubeconfig',
  XDG_CONFIG_HOME: '/nonexistent',
  XDG_STATE_HOME: '/nonexistent',
};

/**
 * Runs a command line in this process, without a terminal. Nobody answers questions: one that is asked fails the test,
 * because standard input breaks when it is read.
 */
export async function kubectlMigrate(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
  interrupt: AbortSignal = new AbortController().signal,
): Promise<Ended> {
  const out = capture();
  const err = capture();
  const stdin = new Readable({
    read() {
      this.destroy(new Error('nobody is there to answer'));
    },
  });
  const streams = { stdin, stdout: out.stream, stderr: err.stream, interrupt };
  const code = await runCommandLine(argv, { ...streams, env: { ...NOTHING_AT_HOME, ...env } });
  return { code, stdout: out.text(), stderr: err.text() };
}

function capture(): { stream: Writable; text(): string } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString('utf8');
      done();
    },
  });
  return { stream, text: () => text };
}

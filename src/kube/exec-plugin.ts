import { spawn } from 'node:child_process';
import { z } from 'zod';
import type { SelectedContext } from './kubeconfig.ts';

/** What a credential plugin yields: a bearer token, or certificate and key as PEM. */
export interface PluginCredential {
  readonly token?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

/** Longest output that is read of a plugin, in bytes. */
const MAX_OUTPUT = 1024 * 1024;
/** How long a plugin may take, in ms: its user may have to log in, perhaps in a browser. */
const LOGIN_MS = 300_000;

const text = z.string().nullish();
/** https://kubernetes.io/docs/reference/config-api/client-authentication.v1/ */
const credentialSchema = z.looseObject({
  status: z
    .looseObject({ token: text, clientCertificateData: text, clientKeyData: text, expirationTimestamp: text })
    .refine(({ token, clientCertificateData, clientKeyData }) => token || (clientCertificateData && clientKeyData)),
});

/**
 * Yields, whenever asked, what the credential plugin of a context has printed last, until that expires; undefined for a
 * context without one. What the plugin says to its user goes to the terminal, as with kubectl, and nowhere else: an error
 * holds no word of its output. client-node 2.0.1 would put its standard error, and a piece of its output, into messages.
 * `closed`: nobody waits for the plugin any more.
 */
export function pluginCredentials(
  context: SelectedContext,
  closed: AbortSignal,
): (() => Promise<PluginCredential>) | undefined {
  const { exec } = context.user;
  if (!exec) return undefined;
  let last: (PluginCredential & { readonly until: number }) | undefined;
  const env = { ...process.env, ...Object.fromEntries((exec.env ?? []).map(({ name, value }) => [name, value])) };
  return async () => {
    if (last && Date.now() < last.until) return last;
    const about = { ...env, KUBERNETES_EXEC_INFO: infoFor(context) };
    const output = await outputOf(exec.command, exec.args ?? [], about, closed);
    const { token, clientCertificateData, clientKeyData, expirationTimestamp } = parsed(output).status;
    const until = expirationTimestamp ? Date.parse(expirationTimestamp) : Number.POSITIVE_INFINITY;
    last = {
      token: token || undefined,
      certificate: clientCertificateData || undefined,
      key: clientKeyData || undefined,
      until,
    };
    return last;
  };
}

/** What a plugin is told of how it is called. */
function infoFor({ cluster, user }: SelectedContext): string {
  const { server, 'insecure-skip-tls-verify': insecure } = cluster;
  const about = {
    server,
    'insecure-skip-tls-verify': insecure ?? undefined,
    'tls-server-name': cluster['tls-server-name'],
    'certificate-authority-data': cluster['certificate-authority-data'],
    'proxy-url': cluster['proxy-url'],
  };
  return JSON.stringify({
    apiVersion: user.exec?.apiVersion ?? 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    spec: { interactive: false, ...(user.exec?.provideClusterInfo ? { cluster: about } : {}) },
  });
}

/** What a program prints. Throws in words for the user, none of which are the program's. */
async function outputOf(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  closed: AbortSignal,
): Promise<string> {
  const over = new AbortController();
  const outcome = new Promise<string>((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const end = (signal: NodeJS.Signals, why: string) => {
      child.kill(signal);
      // What it has started itself may still hold these.
      child.stdout.destroy();
      child.unref();
      reject(new Error(why));
    };
    const late = setTimeout(() => end('SIGKILL', `it did not end within ${LOGIN_MS / 1000} s`), LOGIN_MS);
    over.signal.addEventListener('abort', () => clearTimeout(late));
    closed.addEventListener('abort', () => end('SIGTERM', 'nobody waits for it any more'), { signal: over.signal });
    const chunks: Buffer[] = [];
    let size = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_OUTPUT) child.kill();
      else chunks.push(chunk);
    });
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(new Error(`it cannot be started (${error.code ?? error.name})`)),
    );
    child.once('close', (status, signal) => {
      if (size > MAX_OUTPUT) reject(new Error('its output is too long for an ExecCredential'));
      else if (status === 0) resolve(Buffer.concat(chunks).toString('utf8'));
      else reject(new Error(status === null ? `it was ended by ${signal}` : `it ended with exit status ${status}`));
    });
  });
  return outcome.finally(() => over.abort());
}

function parsed(output: string): z.infer<typeof credentialSchema> {
  try {
    return credentialSchema.parse(JSON.parse(output));
  } catch {
    throw new Error('there is no ExecCredential in its output');
  }
}

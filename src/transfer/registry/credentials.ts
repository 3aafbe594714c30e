import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { MigrateError } from '../../domain/errors.ts';
import { parseJson } from '../../domain/json.ts';

export interface RegistryLogin {
  readonly username: string;
  readonly password: string;
}

const configSchema = z.looseObject({
  auths: z.record(z.string(), z.looseObject({ auth: z.string().optional() })).default({}),
  credHelpers: z.record(z.string(), z.string()).default({}),
  credsStore: z.string().optional(),
});
const storedSchema = z.looseObject({ Username: z.string(), Secret: z.string() });

/** Longest answer of a credential helper that is read, in bytes. */
const MAX_ANSWER = 64 * 1024;

/**
 * What `docker login` (podman, skopeo, crane too) has kept for a registry; undefined where there is nothing. Credential
 * helpers are asked as docker asks them. Throws F382 when what is there cannot be used.
 */
export async function loginFor(
  host: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<RegistryLogin | undefined> {
  const folder = env['DOCKER_CONFIG'] ?? path.join(env['HOME'] ?? '/', '.docker');
  const file = path.join(folder, 'config.json');
  const config = await readConfig(file);
  if (!config) return undefined;
  const helper = config.credHelpers[host] ?? config.credsStore;
  if (helper !== undefined) return askHelper(helper, host, file, env);
  const { auth } = config.auths[host] ?? config.auths[`https://${host}`] ?? {};
  if (!auth) return undefined;
  const [, username, password] = /^([^:]+):(.*)$/s.exec(Buffer.from(auth, 'base64').toString()) ?? [];
  if (username === undefined || password === undefined) throw unusable(file, `auths["${host}"] is not user:password`);
  return { username, password };
}

async function readConfig(file: string): Promise<z.infer<typeof configSchema> | undefined> {
  try {
    return configSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw unusable(file, error instanceof z.ZodError || error instanceof SyntaxError ? 'it is damaged' : String(error));
  }
}

/** The protocol of docker-credential-helpers: the host on stdin, JSON on stdout; exit 1 where nothing is kept. */
async function askHelper(
  name: string,
  host: string,
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<RegistryLogin | undefined> {
  if (!/^[A-Za-z0-9_-]+$/.test(name)) throw unusable(file, 'it names a credential helper that cannot be one');
  const program = `docker-credential-${name}`;
  const { status, stdout } = await ask(program, host, env).catch((error: unknown) => {
    throw unusable(file, `${program} does not run: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (/credentials not found/i.test(stdout)) return undefined;
  const stored = status === 0 ? storedSchema.safeParse(parseJson(stdout)) : undefined;
  if (!stored?.success) throw unusable(file, `${program} ended with ${status} and no login for ${host}`);
  return { username: stored.data.Username, password: stored.data.Secret };
}

function ask(program: string, host: string, env: Readonly<Record<string, string | undefined>>) {
  return new Promise<{ status: number; stdout: string }>((resolve, reject) => {
    const child = spawn(program, ['get'], { stdio: ['pipe', 'pipe', 'ignore'], env: { ...env } });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(0, MAX_ANSWER);
    });
    child.stdin.on('error', () => undefined);
    child.on('error', reject);
    child.on('close', (status) => resolve({ status: status ?? 1, stdout }));
    child.stdin.end(host);
  });
}

/** Never with what the file or the helper holds. */
function unusable(file: string, why: string): MigrateError {
  return new MigrateError('F382', {
    detail: `the logins of registries in ${file} cannot be used: ${why}`,
    remedy: 'mend that file, or log in anew: docker login REGISTRY',
  });
}

import { readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import type { UserPlace } from './kubeconfig.ts';

/** What OpenID Connect gives and a kubeconfig keeps. */
export interface Tokens {
  readonly idToken: string;
  readonly refreshToken: string;
}

/** How long another program may have the file, in ms. */
const LOCK_WAIT_MS = 5000;
const LOCK_POLL_MS = 100;

const usersSchema = z.array(z.looseObject({ name: z.string() }));

/**
 * Exchanges the tokens of a user in its kubeconfig, with nobody else at it: `act` gets what the file has at that moment, which
 * somebody may have renewed, and what it yields is written, whole or not at all; comments and mode of the file stay. The lock
 * is kubectl's, a file with `.lock` at the end of its name. Throws in words for the user when the file is locked or cannot be
 * written: the old refresh token may be worth nothing by then.
 */
export async function exchangeTokens(
  { file, user }: UserPlace,
  act: (kept: Partial<Tokens>) => Promise<Tokens>,
): Promise<Tokens> {
  const target = await realpath(file);
  const lock = `${target}.lock`;
  await takeLock(lock);
  try {
    const document = parseDocument(await readFile(target, 'utf8'), { logLevel: 'silent' });
    const users = usersSchema.catch([]).parse(document.toJS()?.users);
    const path = ['users', users.findIndex(({ name }) => name === user), 'user', 'auth-provider', 'config'];
    const kept = (key: string): string | undefined => {
      const value = document.getIn([...path, key]);
      return typeof value === 'string' ? value : undefined;
    };
    const [idToken, refreshToken] = [kept('id-token'), kept('refresh-token')];
    const tokens = await act({ ...(idToken && { idToken }), ...(refreshToken && { refreshToken }) });
    if (tokens.idToken === idToken) return tokens;
    document.setIn([...path, 'id-token'], tokens.idToken);
    document.setIn([...path, 'refresh-token'], tokens.refreshToken);
    await replace(target, document.toString({ lineWidth: 0 }));
    return tokens;
  } finally {
    await rm(lock, { force: true });
  }
}

async function takeLock(lock: string): Promise<void> {
  for (let waited = 0; ; waited += LOCK_POLL_MS) {
    try {
      await writeFile(lock, '', { flag: 'wx' });
      return;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'EEXIST') throw new Error(`a new token could not be kept: ${lock} cannot be written (${code})`);
      if (waited > LOCK_WAIT_MS) {
        throw new Error(
          `${lock} is there: another program writes the kubeconfig, or left the lock behind when it ended`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
    }
  }
}

async function replace(file: string, content: string): Promise<void> {
  const fresh = `${file}.${process.pid}`;
  try {
    await writeFile(fresh, content, { mode: (await stat(file)).mode & 0o777, flag: 'wx' });
    await rename(fresh, file);
  } catch (error) {
    await rm(fresh, { force: true });
    throw new Error(`the new token could not be kept in ${file}: ${error instanceof Error ? error.message : error}`);
  }
}

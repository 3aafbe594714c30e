import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { Script } from 'node:vm';

/**
 * What users run most: functions that these compile are in the cache, all others are compiled when they are called. The
 * last one loads the clients of the clusters and ends before it connects; what follows an answer from a network is
 * compiled now in this order and now in that.
 */
const COMMAND_LINES = [
  ['--help'],
  ['version'],
  ['pod', '--help'],
  ['__complete', ''],
  ['__complete', 'pod', '--context', ''],
  ['pod', 'none', '--context', 'none', '--to-context', 'none', '--dry-run'],
];

/**
 * V8's flags under which the same run leaves the same bytes: seeds of tables and random numbers, all compiled code kept,
 * and no collection of garbage, whose remains lie between the objects that are written out.
 */
const REPRODUCIBLE = [
  '--hash-seed=1',
  '--random-seed=1',
  '--no-flush-bytecode',
  '--min-semi-space-size=256',
  '--max-semi-space-size=256',
  '--initial-heap-size=1024',
  '--no-memory-reducer',
  '--no-incremental-marking',
];

const KUBECONFIG = {
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'warm-up',
  clusters: [{ name: 'warm-up', cluster: { server: 'https://127.0.0.1:1' } }],
  users: [{ name: 'warm-up', user: { token: 'none' } }],
  contexts: [{ name: 'warm-up', context: { cluster: 'warm-up', user: 'warm-up' } }],
};

/**
 * Puts V8's code cache of each piece that the usual command lines use beside it (`NAME.cache`), for this machine's
 * platform: made after a warm run, because one made without leaves out all that is compiled late. `folder` holds the
 * pieces as files. The same pieces give the same bytes. Yields the names of the pieces that have one.
 * @throws when V8 would not take what it made.
 */
export async function makeCodeCaches(folder: string): Promise<string[]> {
  const kubeconfig = path.join(folder, 'kubeconfig');
  await writeFile(kubeconfig, JSON.stringify(KUBECONFIG));
  await warmUp(folder, { PATH: process.env['PATH'], HOME: folder, KUBECONFIG: kubeconfig });
  const names = (await readdir(folder)).filter((file) => file.endsWith('.cache')).map((file) => path.parse(file).name);
  for (const name of names) {
    const text = await readFile(path.join(folder, name), 'latin1');
    const cachedData = await readFile(path.join(folder, `${name}.cache`));
    if (new Script(text, { filename: `./${name}`, cachedData }).cachedDataRejected) {
      throw new Error(`V8 does not take the code cache that it made of ${name}`);
    }
  }
  return names;
}

async function warmUp(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  const script = path.join(import.meta.dirname, 'warm-up.ts');
  const words = ['--disable-warning=ExperimentalWarning', script, folder, JSON.stringify(COMMAND_LINES)];
  await promisify(execFile)(process.execPath, [...REPRODUCIBLE, ...words], { env, timeout: 60_000 });
}

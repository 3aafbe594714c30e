import { createReadStream, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import process from 'node:process';
import { pipeline } from 'node:stream/promises';
import { ROOT, type Target, targetName } from '../../krew/binary/targets.ts';
import { type Archive, archiveName, digestOf } from '../../krew/release/archive.ts';
import { MANIFEST } from '../../krew/release/manifest.ts';
import { PROGRAM } from '../../src/domain/names.ts';
import { krew } from '../lab/build/krew.ts';
import { obtain } from '../lab/cache.ts';
import { sayOnStderr } from '../lab/progress.ts';
import { type Ended, runProcess } from './kubectl.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** Makes the archives of targets, and the manifest with them, as `npm run package` does. */
export async function packageRelease(
  folder: string,
  targets: readonly Target[],
  repository: string,
): Promise<Archive[]> {
  const words = targets.flatMap((target) => ['--target', targetName(target)]);
  const script = path.join(ROOT, 'krew/package.ts');
  const flags = ['--disable-warning=ExperimentalWarning'];
  const all = [...flags, script, '--out', folder, '--repository', repository, ...words];
  const { code, stderr } = await runProcess(process.execPath, all);
  if (code !== 0) throw new Error(`packaging failed: ${stderr}`);
  return Promise.all(
    targets.map(async (target) => {
      const file = path.join(folder, archiveName(target));
      return { target, file, sha256: await digestOf(file) };
    }),
  );
}

/** A home folder in which nothing was ever installed, the real Krew on PATH, and an index and a download server of its own. */
export interface KrewHome {
  /** Where the releases seem to be: what is in `folder` can be had below it, by its file name. */
  readonly repository: string;
  readonly folder: string;
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  /** Runs a program of that home. */
  run(command: string, args: readonly string[]): Promise<Ended>;
  /** Puts a manifest into the index, in place of the one that was there. */
  publish(manifest: string): Promise<void>;
}

/** The folders of PATH but for those that have the plugin already: two of a name are an error of `kubectl plugin list`. */
function pathWithoutPlugin(): string[] {
  const folders = (process.env['PATH'] ?? '').split(':');
  return folders.filter((folder) => !existsSync(path.join(folder, PROGRAM)));
}

/** Everything goes away afterwards. `kubectl` is the program of that name, by default the one on PATH. */
export async function withKrew(
  act: (home: KrewHome) => Promise<void>,
  { kubectl, releases }: { kubectl?: string; releases?: string } = {},
): Promise<void> {
  const programs = await obtain(krew, sayOnStderr);
  const home = temporaryFolder();
  const folder = releases ?? path.join(home, 'release');
  const root = path.join(home, 'krew');
  const index = path.join(home, 'index');
  mkdirSync(path.join(index, 'plugins'), { recursive: true });
  const env = {
    HOME: home,
    KREW_ROOT: root,
    KREW_DEFAULT_INDEX_URI: `file://${index}`,
    KREW_NO_UPGRADE_CHECK: '1',
    PATH: [path.join(root, 'bin'), programs, ...(kubectl ? [path.dirname(kubectl)] : []), ...pathWithoutPlugin()].join(
      ':',
    ),
  };
  const run = (command: string, args: readonly string[]) => runProcess(command, args, { env });
  const git = async (...args: string[]) => {
    const who = ['-c', 'user.name=index', '-c', 'user.email=index@localhost'];
    const { code, stderr } = await run('git', ['-C', index, ...who, ...args]);
    if (code !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`);
  };
  const server = await serve(folder);
  try {
    await git('init', '--quiet', '--initial-branch=master');
    await act({
      repository: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      folder,
      root,
      env,
      run,
      publish: async (manifest) => {
        writeFileSync(path.join(index, 'plugins', MANIFEST), manifest);
        await git('add', '--all');
        await git('commit', '--quiet', '--message', 'publish');
      },
    });
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(home, { recursive: true, force: true });
  }
}

async function serve(folder: string): Promise<Server> {
  const server = createServer((request, response) => {
    const file = path.join(folder, path.basename(request.url ?? ''));
    if (!existsSync(file)) response.writeHead(404).end();
    else pipeline(createReadStream(file), response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

